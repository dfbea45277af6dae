/**
 * CPU per request of admission and scheduling, without sockets, codecs and computing: a fake inline engine answers each
 * batch with slabs made beforehand. Run after `npm run build`: node bench/scheduling.mjs
 */

import { performance } from 'node:perf_hooks';

import { Cancellation } from '../dist/inference/context.js';
import { noParameters } from '../dist/inference/request.js';
import { silentLogger } from '../dist/logger.js';
import { admit } from '../dist/scheduling/admission/admission.js';
import { compileAdmission } from '../dist/scheduling/admission/plan.js';
import { chooseScheduler } from '../dist/scheduling/create-scheduler.js';
import { systemClock } from '../dist/time.js';

const requestCount = 300_000;
const never = Number.POSITIVE_INFINITY;

const tensorConfig = (name, dims) => ({
  name,
  datatype: 'INT32',
  dims,
  reshape: null,
  isOptional: false,
  allowRaggedBatch: false,
  labelFilename: '',
});

const spec = (name) => ({
  name,
  datatype: 'INT32',
  shape: [-1, 16],
  dimNames: ['', ''],
  isOptional: false,
  labels: [],
});

const policy = { timeoutAction: 'reject', defaultTimeoutUs: 0, allowTimeoutOverride: false, maxQueueSize: 0 };

const model = (dims, maxBatchSize) => ({
  config: {
    name: 'simple',
    maxBatchSize,
    batching: { isImplied: false, reason: '', isCurable: true },
    inputs: [tensorConfig('INPUT0', dims), tensorConfig('INPUT1', dims)],
    outputs: [tensorConfig('OUTPUT0', dims), tensorConfig('OUTPUT1', dims)],
    dynamicBatching: {
      preferredBatchSizes: [maxBatchSize],
      maxQueueDelayUs: 0,
      preserveOrdering: false,
      priorityLevels: 0,
      defaultPriorityLevel: 0,
      defaultQueuePolicy: policy,
      priorityQueuePolicies: new Map(),
    },
  },
  signature: { inputs: [spec('INPUT0'), spec('INPUT1')], outputs: [spec('OUTPUT0'), spec('OUTPUT1')] },
});

const data = new Uint8Array(64);
const slab = new Uint8Array(64 * 64);
const release = () => undefined;

const ticket = { end: release };
const instance = {
  device: { kind: 'cpu' },
  canPrefetch: false,
  submit(batch, done) {
    const shape = batch.inputs[0].shape;
    const bytes = shape[0] * 64;
    const outputs = batch.outputs.map((index) => ({
      index,
      datatype: 'INT32',
      shape,
      data: new Uint8Array(slab.buffer, 0, bytes),
    }));
    done({ error: null, outputs, inputNs: 1, inferNs: 1, outputNs: 1, hadEffects: false, release });
    return ticket;
  },
  close: async () => undefined,
};

const observer = { requestQueued: release, requestSucceeded: release, requestFailed: release, batchExecuted: release };

const request = () => ({
  modelName: 'simple',
  modelVersion: '',
  id: '',
  inputs: [
    { name: 'INPUT0', datatype: 'INT32', shape: [1, 16], data },
    { name: 'INPUT1', datatype: 'INT32', shape: [1, 16], data },
  ],
  outputs: [],
  parameters: noParameters,
  priority: 0,
  timeoutUs: 0,
  sequence: null,
  heldBytes: 0,
});

const cpuUs = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

function report(name, startUs, count) {
  console.log(`${name.padEnd(58)} ${((cpuUs() - startUs) / count).toFixed(3)} µs CPU`);
}

function admission(name, dims) {
  const { config, signature } = model(dims, 8);
  const plan = compileAdmission(config, signature);
  const requests = Array.from({ length: 1024 }, request);
  let bytes = 0;
  const once = (count) => {
    for (let i = 0; i < count; i++) bytes += admit(plan, requests[i & 1023]).byteSize;
  };
  once(100_000);
  const startUs = cpuUs();
  once(3_000_000);
  report(name, startUs, 3_000_000);
  if (bytes === 0) throw new Error('nothing was admitted');
}

/** `perTurn` requests arrive in one turn of the event loop, answers are awaited before the next turn. */
async function scheduling(name, perTurn, maxBatchSize, deadlineMs) {
  const { config, signature } = model([16], maxBatchSize);
  const plan = compileAdmission(config, signature);
  const scheduler = chooseScheduler(config)(
    { identity: { modelName: 'simple', modelVersion: '1' }, config, signature, labels: new Map(), batchFault: null },
    [instance],
    { clock: systemClock, observer, gate: null, maxQueuedRequests: 4096, logger: silentLogger },
  );
  const admitted = admit(plan, request());
  let answered = 0;
  let wanted = 0;
  let onAll = () => undefined;
  const sink = {
    next(response) {
      answered++;
      response.release();
      if (answered === wanted) onAll();
    },
    fail(error) {
      throw error;
    },
  };
  const once = async (count) => {
    for (let sent = 0; sent < count; sent += perTurn) {
      const nowMs = performance.now();
      wanted = answered + perTurn;
      const all = new Promise((resolve) => {
        onAll = resolve;
      });
      for (let i = 0; i < perTurn; i++) {
        const context = { receivedAtMs: nowMs, deadlineMs: nowMs + deadlineMs, cancellation: new Cancellation() };
        scheduler.schedule(admitted, context, sink);
      }
      await all;
    }
  };
  await once(50_000);
  const startUs = cpuUs();
  await once(requestCount);
  report(name, startUs, requestCount);
  if (answered < requestCount || scheduler.pendingCount !== 0) throw new Error('answers are missing');
}

/** What the loop above costs without a scheduler: a turn, a promise, a context. */
async function emptyTurns(name, perTurn) {
  const once = async (count) => {
    for (let sent = 0; sent < count; sent += perTurn) {
      let last;
      const context = { receivedAtMs: performance.now(), deadlineMs: never, cancellation: new Cancellation() };
      for (let i = 0; i < perTurn; i++) last = new Promise((resolve) => resolve(context)).then(release);
      await last;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await once(50_000);
  const startUs = cpuUs();
  await once(requestCount);
  report(name, startUs, requestCount);
}

admission('admit, 2 inputs, fixed shape', [16]);
admission('admit, 2 inputs, variable shape', [-1]);
await emptyTurns('empty loop, 1 request a turn', 1);
await emptyTurns('empty loop, 16 requests a turn', 16);
await scheduling('schedule, 1 request a turn, alone', 1, 8, never);
await scheduling('schedule, 16 requests a turn, batches of 16', 16, 16, never);
await scheduling('schedule, 16 requests a turn, batches of 16, deadlines', 16, 16, 10_000);
await scheduling('schedule, 64 requests a turn, batches of 64', 64, 64, never);
await scheduling('schedule, 64 requests a turn, batches of 1', 64, 1, never);
