/**
 * A few requests behind one that runs, with the configuration that says what the scheduler does with them. The output of their
 * model is the number of rows of its batch, so that an answer says with how many others it was run.
 */

import { elem, graph, initializer, int64s, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';

const scalar = tensorType(elem.int64, []);
const column = tensorType(elem.int64, ['batch', 1]);

/** A value of `x` for which the whole batch fails. */
export const failing = -2;

/** INT64 x [batch, 1] → y, rows of the batch, after as many turns of a Loop as the largest x says. Fails for -2 and less. */
export const schedulingModel: Uint8Array = model({
  nodes: [
    node('ReduceMax', ['x'], ['n'], { keepdims: { int: 0 } }),
    node('Loop', ['n', 'go', 'zero'], ['spent'], {
      body: {
        graph: graph({
          name: 'body',
          nodes: [node('Identity', ['c'], ['c_out']), node('Add', ['v', 'v'], ['w'])],
          inputs: [valueInfo('i', scalar), valueInfo('c', tensorType(elem.bool, [])), valueInfo('v', scalar)],
          outputs: [valueInfo('c_out', tensorType(elem.bool, [])), valueInfo('w', scalar)],
        }),
      },
    }),
    node('Min', ['x', 'zero'], ['place']),
    node('Gather', ['table', 'place'], ['nothing'], { axis: { int: 0 } }),
    node('Shape', ['x'], ['shape']),
    node('Gather', ['shape', 'zero'], ['rows'], { axis: { int: 0 } }),
    node('Add', ['rows', 'spent'], ['sum']),
    node('Add', ['nothing', 'sum'], ['y']),
  ],
  inputs: [valueInfo('x', column)],
  outputs: [valueInfo('y', column)],
  initializers: [
    initializer('go', elem.bool, [], Uint8Array.of(1)),
    initializer('zero', elem.int64, [], int64s([0])),
    initializer('table', elem.int64, [1], int64s([0])),
  ],
});

/** One request of a scenario. */
export interface Sent {
  /** 'long' keeps its instance busy for more than a second; else the value of x. */
  readonly x: 'long' | number;
  readonly rows?: number;
  readonly parameters?: Readonly<Record<string, object>>;
  /** Milliseconds between the request before it and this one. */
  readonly after?: number;
  /** It is cancelled so many milliseconds after it was sent. */
  readonly cancelAfter?: number;
}

export interface Scenario {
  readonly about: string;
  /** Of the configuration, beside tensors and the largest batch. */
  readonly config: string;
  readonly maxBatchSize?: number;
  readonly requests: readonly Sent[];
  /** The order of the answers is compared too. */
  readonly isOrdered?: boolean;
  readonly difference?: Difference;
}

interface Difference {
  /** Of docs/differences-from-triton.md. */
  readonly line: string;
  /** How our answers begin; absent where only the counters differ. */
  readonly here?: readonly string[];
}

const oneInstance = 'instance_group [ { count: 1 kind: KIND_CPU } ]\n';
const twoInstances = 'instance_group [ { count: 2 kind: KIND_CPU } ]\n';
export const tensors =
  'input [ { name: "x" data_type: TYPE_INT64 dims: [1] } ]\noutput [ { name: "y" data_type: TYPE_INT64 dims: [1] } ]\n';

const long: Sent = { x: 'long' };
const short: Sent = { x: 0, after: 20 };
const first: Sent = { x: 0, after: 200 };
const timeout = (us: number) => ({ timeout: { int64_param: us } });
const priority = (level: number) => ({ priority: { uint64_param: level } });
const repeated = (count: number, sent: Sent = short): Sent[] => Array.from({ length: count }, () => sent);

const dynamic = (text: string): string => `dynamic_batching { ${text} }\n${oneInstance}`;
const policy = (text: string): string => dynamic(`default_queue_policy { ${text} }`);

const full = '14 [request id: <id_unknown>] Exceeds maximum queue size';
const late = '14 Request timeout expired';
const failed = '13 onnx runtime error 2: ';
const refusedAreCounted = { line: 'requests that are refused' };
const timeoutWithoutDefault = 'request `timeout` where the queue policy has no default timeout';
const batchOfNoRows = '3 [request id: <id_unknown>] inference request batch-size must be >= 1';

export const scenarios: readonly Scenario[] = [
  { about: 'waiting requests share batches', config: dynamic(''), requests: [long, first, ...repeated(5)] },
  {
    about: 'each request is a batch without dynamic batching',
    config: oneInstance,
    requests: [long, first, ...repeated(2)],
  },
  {
    about: 'preferred sizes are kept',
    config: dynamic('preferred_batch_size: [2]'),
    requests: [long, first, ...repeated(4)],
  },
  {
    about: 'a delay gathers requests',
    config: dynamic('max_queue_delay_microseconds: 600000'),
    requests: [{ x: 0 }, ...repeated(2)],
  },
  {
    about: 'a full batch does not wait for the delay',
    config: dynamic('max_queue_delay_microseconds: 1500000'),
    requests: [{ x: 0 }, ...repeated(4)],
  },
  {
    about: 'rows of a request stay together',
    config: dynamic(''),
    requests: [long, { ...first, rows: 3 }, { ...short, rows: 2 }, { ...short, rows: 2 }],
  },
  {
    about: 'a full queue refuses',
    config: policy('max_queue_size: 2'),
    requests: [long, first, ...repeated(4)],
    difference: refusedAreCounted,
  },
  {
    about: 'a full batch does not count to the queue',
    config: policy('max_queue_size: 4'),
    // A batch is prefetched only once a run has shown how long runs take.
    requests: [{ x: 0 }, { ...long, after: 300 }, first, ...repeated(8)],
    difference: { line: 'queue size', here: ['1 rows', '1 rows', ...new Array<string>(8).fill('4 rows'), full] },
  },
  {
    about: 'a time-out refuses',
    config: policy('default_timeout_microseconds: 300000'),
    requests: [long, first, short],
  },
  {
    about: 'a time-out delays',
    config: policy('default_timeout_microseconds: 300000 timeout_action: DELAY'),
    requests: [long, first, short],
  },
  {
    about: 'a request has a time-out where there is no default',
    config: policy('allow_timeout_override: true'),
    requests: [long, { ...first, parameters: timeout(200_000) }, short],
    difference: { line: timeoutWithoutDefault, here: ['1 rows', late, '1 rows'] },
  },
  {
    about: 'a request has a time-out below the default',
    config: policy('allow_timeout_override: true default_timeout_microseconds: 30000000'),
    requests: [long, { ...first, parameters: timeout(200_000) }, short],
  },
  {
    about: 'a request has a time-out above the default',
    config: policy('allow_timeout_override: true default_timeout_microseconds: 300000'),
    requests: [long, { ...first, parameters: timeout(30_000_000) }],
  },
  {
    about: 'a request has a time-out that may not override the default',
    config: policy('default_timeout_microseconds: 30000000'),
    requests: [long, { ...first, parameters: timeout(200_000) }],
  },
  {
    about: 'a request has a time-out without dynamic batching',
    config: oneInstance,
    requests: [long, { ...first, parameters: timeout(200_000) }],
    difference: { line: timeoutWithoutDefault, here: ['1 rows', late] },
  },
  {
    about: 'priorities overtake',
    isOrdered: true,
    config: dynamic('priority_levels: 3 default_priority_level: 2'),
    maxBatchSize: 1,
    requests: [
      long,
      { ...first, x: 1 },
      ...[3, 2, 0, 9, 1, 3].map((level) => ({ ...short, parameters: priority(level) })),
    ],
  },
  {
    about: 'a priority is ignored where there are none',
    config: dynamic(''),
    requests: [{ x: 0, parameters: priority(7) }],
  },
  {
    about: 'levels have policies of their own',
    config: dynamic(
      'priority_levels: 2 default_priority_level: 2 default_queue_policy { max_queue_size: 3 } ' +
        'priority_queue_policy { key: 1 value { max_queue_size: 1 } }',
    ),
    maxBatchSize: 1,
    requests: [
      long,
      { ...first, x: 1 },
      ...[1, 1, 2, 2, 2, 2].map((level) => ({ ...short, parameters: priority(level) })),
    ],
    difference: refusedAreCounted,
  },
  {
    about: 'the order of answers is preserved where that is asked for',
    isOrdered: true,
    config: `dynamic_batching { preserve_ordering: true }\n${twoInstances}`,
    requests: [long, first, short],
  },
  {
    about: 'answers overtake each other otherwise',
    isOrdered: true,
    config: `dynamic_batching { }\n${twoInstances}`,
    requests: [long, first, short],
  },
  {
    about: 'a caller leaves the queue',
    config: dynamic(''),
    requests: [long, { ...first, cancelAfter: 100 }, short],
    difference: { line: 'caller disconnects', here: ['1 rows', '1 ', '1 rows'] },
  },
  {
    about: 'a caller leaves while its request runs',
    config: dynamic(''),
    requests: [{ x: 'long', cancelAfter: 100 }, first],
    difference: { line: 'caller disconnects' },
  },
  {
    about: 'a request fails, in the words of the other backend',
    config: dynamic(''),
    requests: [{ x: failing }],
    difference: { line: 'the Python backend, which counts failed runs as successes', here: [failed] },
  },
  {
    about: 'a request fails among others',
    config: dynamic(''),
    requests: [long, first, { ...short, x: failing }, short],
    difference: { line: 'failing batch', here: ['1 rows', '1 rows', failed, '1 rows'] },
  },
  {
    about: 'a request has too many rows, or none',
    config: dynamic(''),
    requests: [
      { x: 0, rows: 5 },
      { x: 0, rows: 0 },
    ],
    difference: {
      line: 'a batch of no rows',
      here: ['3 [request id: <id_unknown>] inference request batch-size must be <= 4 for', batchOfNoRows],
    },
  },
];
