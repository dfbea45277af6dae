/**
 * Control calls, metadata, configuration, statistics and streams to a real Triton and to this server: status, text and answer
 * are compared. What docs/differences-from-triton.md lists has a rule here; a rule that never applies is a line that is no
 * longer true.
 */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { broughtByLoads, grpcControl, httpControl } from './control-call-probes.ts';
import {
  type Flavour,
  grpcReads,
  httpReads,
  placeProbedModels,
  type Probe,
  probedModel,
  startModels,
} from './control-probes.ts';
import { inferences } from './infer-probes.ts';
import { type Outcome, ProtocolClient } from './protocol-client.ts';
import { missingTriton, pythonModel, type RunningTriton, startTriton } from './real-triton.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

const missing = missingTriton();
if (missing !== null) console.log(`comparison of control calls with Triton: skipped, ${missing}`);

const flags = ['--model-control-mode=explicit', ...startModels.map((name) => `--load-model=${name}`)];

const triton: Flavour = {
  backend: 'python',
  files: (version) => ({ [`${version}/model.onnx`]: probedModel, [`${version}/model.py`]: readFileSync(pythonModel) }),
};
const nereid: Flavour = { backend: 'onnxruntime', files: (version) => ({ [`${version}/model.onnx`]: probedModel }) };

interface Pair {
  readonly about: string;
  readonly theirs: Outcome;
  readonly ours: Outcome;
}

const polled = /^failed to load '.*', failed to poll from model repository/;
const isRefused = ({ status }: Outcome): boolean => status !== 200 && status !== 0;
const isFault = ({ status }: Outcome): boolean => status === 500 || status === 13;

/** Each is a line of docs/differences-from-triton.md. */
const intended: Readonly<Record<string, (pair: Pair) => boolean>> = {
  'malformed JSON is 400': ({ theirs, ours }) =>
    theirs.status === 500 && ours.status === 400 && isSameText(theirs, ours),
  'JSON that is no object is refused': ({ theirs, ours }) =>
    (theirs.status === 200 || theirs.status === 500) &&
    ours.error.endsWith('attempt to access JSON non-object as object'),
  'members that are given twice are refused': ({ ours }) => /is given twice/.test(ours.error),
  'an unload call with a broken body is refused': ({ about, theirs, ours }) =>
    /^POST .*\/unload/.test(about) && theirs.status === 200 && ours.status === 400,
  'names in paths are percent-decoded': ({ about }) => /^(GET|POST) \S*%/.test(about),
  'GET / answers': ({ about }) => /^(GET|POST) \/ ?$/.test(about),
  'another version and other extensions': ({ about, theirs, ours }) =>
    /^(GET \/v2|ServerMetadata.*)$/.test(about) && !isRefused(theirs) && !isRefused(ours),
  'messages that are no protobuf are the mistake of the caller': ({ theirs, ours }) =>
    theirs.status === 13 && ours.status === 3 && isSameText(theirs, ours),
  'versions are digits': ({ about, ours }) => /"version":"( 1|1a)"/.test(about) && ours.status === 3,
  'a load that fails has the reason, and is the mistake of the caller': ({ theirs, ours }) =>
    isFault(theirs) && polled.test(ours.error) && isSameText(theirs, ours),
  'a load of an unknown parameter names it': ({ about, theirs, ours }) =>
    /\/load /.test(about) && theirs.status === 500 && /is no load parameter|is not valid base64/.test(ours.error),
  'parameters that are no object': ({ theirs, ours }) =>
    theirs.error === 'attempt to get members for non-object' && ours.error.startsWith("Unable to parse 'parameters'"),
  'a rule that a configuration breaks is told with the version': ({ theirs, ours }) =>
    isFault(theirs) && polled.test(theirs.error) && /^load failed for model .*: config/.test(ours.error),
  'a backend that is not there is told at once': ({ ours }) => /unable to find backend library/.test(ours.error),
  'names that are no model names are refused as such': ({ theirs, ours }) =>
    isRefused(theirs) && /^(invalid model name|Model name cannot be empty)/.test(ours.error),
  'paths of files stay within the model': ({ about, ours }) =>
    /file:/.test(about) && /must stay within/.test(ours.error),
  'the index has reasons, and no state of unloading': ({ about, theirs, ours }) =>
    /index|RepositoryIndex/.test(about) &&
    !isRefused(theirs) &&
    !isRefused(ours) &&
    isSameIndex(linesOf(theirs), linesOf(ours)),
  'more raw contents than inputs are refused': ({ ours }) => textOf(ours).includes('unexpected raw_input_contents'),
  'a negative timeout is refused': ({ ours }) => textOf(ours).includes("invalid value for 'timeout'"),
  'an output that is asked for twice is refused': ({ ours }) => textOf(ours).includes("output 'X' already exists"),
  'one of several faults is told': ({ theirs, ours }) =>
    /mismatch for input 'B'/.test(textOf(theirs)) && /mismatch for input 'A'/.test(textOf(ours)),
  'an infer request without a body is told as that': ({ about, ours }) =>
    /^POST .*\/infer $/.test(about) && ours.status === 400,
  'a message of a stream that is no protobuf is answered': ({ about, ours }) =>
    about.startsWith('ModelStreamInfer') && textOf(ours).includes('Unable to parse request'),
  'refused requests are failed requests': ({ about, theirs, ours }) =>
    /stats|Statistics/.test(about) && withoutCounts(theirs) === withoutCounts(ours),
};

const linesOf = ({ answer }: Outcome): IndexLine[] =>
  (Array.isArray(answer) ? answer : (answer as { models: IndexLine[] }).models) as IndexLine[];

interface IndexLine {
  readonly name: string;
  readonly version?: string;
  readonly state?: string;
}

/** Brought by a load call, and no folder of the repository: Triton's index leaves it out while it serves. */
const modelOfFiles = 'made';

/** Triton's lines that have a version are ours, and ours beyond them say that something is unavailable, or name a folder. */
function isSameIndex(theirs: readonly IndexLine[], ours: readonly IndexLine[]): boolean {
  const text = ({ name, version = '', state = '' }: IndexLine): string =>
    `${name} ${version} ${state.replace('UNLOADING', 'UNAVAILABLE')}`;
  const own = ours.map(text);
  const known = theirs.filter(({ version = '' }) => version !== '').map(text);
  const beyond = ours.filter(
    ({ name, state = '' }, i) => state === 'READY' && name !== modelOfFiles && !known.includes(own[i] as string),
  );
  return known.every((line) => own.includes(line)) && beyond.length === 0;
}

const textOf = ({ error, answer }: Outcome): string => error || JSON.stringify(answer);
const placesOfJson = / at \d+$/;
const isSameText = (theirs: Outcome, ours: Outcome): boolean =>
  ours.error.toLowerCase().includes(theirs.error.replace(placesOfJson, '').trim().toLowerCase());

/** Without times, and without what the other backend makes different. */
const unequal: ReadonlySet<string> = new Set(['ns', 'last_inference', 'platform', 'backend', 'default_model_filename']);

function canonical(value: unknown, without: ReadonlySet<string> = unequal): string {
  const sorted = (each: unknown): unknown => {
    if (Array.isArray(each)) return each.map(sorted);
    if (typeof each !== 'object' || each === null) {
      return typeof each === 'string' ? each.replace(/\[request id: .*?\] /, '') : each;
    }
    const kept = Object.entries(each).filter(([key]) => !without.has(key));
    return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]));
  };
  return JSON.stringify(sorted(value));
}

const counts: ReadonlySet<string> = new Set([...unequal, 'count', 'inference_count', 'execution_count']);
const withoutCounts = ({ answer }: Outcome): string => canonical(answer, counts);

function isSame({ theirs, ours }: Pair): boolean {
  return (
    theirs.status === ours.status && isSameText(theirs, ours) && canonical(theirs.answer) === canonical(ours.answer)
  );
}

const tables: readonly (readonly [string, readonly Probe[]])[] = [
  ['is read over HTTP', httpReads()],
  ['is read over gRPC', grpcReads()],
  ['streams and calls answer', inferences()],
  ['load calls bring', broughtByLoads()],
  ['control calls do over HTTP', httpControl()],
  ['control calls do over gRPC', grpcControl()],
];

describe.runIf(missing === null)('the same as in Triton', () => {
  let running: RunningTriton;
  const clients: { readonly client: ProtocolClient; readonly flavour: Flavour }[] = [];
  const closers: (() => unknown)[] = [];
  const applied = new Set<string>();

  beforeAll(async () => {
    const { path, dispose } = await temporaryFolder();
    const copy = await temporaryFolder();
    closers.push(dispose, copy.dispose);
    await placeProbedModels(path);
    running = await startTriton(path, copy.path, flags);
    closers.push(() => running.stop());
    const server = await ServerProcess.start(path, flags);
    closers.push(() => server.kill());
    for (const [ports, flavour] of [[running.ports, triton] as const, [server.ports, nereid] as const]) {
      const client = new ProtocolClient(ports);
      clients.push({ client, flavour });
      closers.push(() => client.close());
    }
  });
  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });

  const ask = (probe: Probe): Promise<Outcome>[] =>
    clients.map(({ client, flavour }) =>
      'http' in probe ? client.http(probe.http(flavour)) : client.grpc(probe.grpc(flavour)),
    );

  it.each(tables)(
    'is what %s',
    async (_, probes) => {
      const differences: string[] = [];
      for (const probe of probes) {
        const [theirs, ours] = (await Promise.all(ask(probe)).catch((error: unknown) => {
          throw new Error(`no answer to ${probe.about}`, { cause: error });
        })) as [Outcome, Outcome];
        const pair: Pair = { about: probe.about, theirs, ours };
        if (isSame(pair)) continue;
        const rules = Object.keys(intended).filter((name) => intended[name]?.(pair));
        for (const rule of rules) applied.add(rule);
        if (rules.length > 0) continue;
        const line = ({ status, error, answer }: Outcome): string => `${status} ${error} ${canonical(answer)}`;
        differences.push(`${probe.about}\n  Triton ${line(theirs)}\n  ours   ${line(ours)}`);
      }
      expect(differences.join('\n')).toBe('');
    },
    600_000,
  );

  it('but for differences that are there', () => {
    expect(Object.keys(intended).filter((name) => !applied.has(name))).toEqual([]);
  });
});
