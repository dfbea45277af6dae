/**
 * The same requests to a real Triton and to this server: status, error text and answer are compared. Ours contains Triton's
 * sentence where both refuse. What docs/differences-from-triton.md lists is left out below, each with its reason.
 */

import { type Client, credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anyRequest, placeModels, type RandomRequest, rawOf } from './random-requests.ts';
import { missingTriton, type RunningTriton, startTriton } from './real-triton.ts';
import { type Ports, ServerProcess, temporaryFolder } from './server-process.ts';

const missing = missingTriton();
if (missing !== null) console.log(`comparison with Triton: skipped, ${missing}`);

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const count = Number(process.env.FUZZ_RUNS ?? 1500);

interface Outcome {
  readonly status: number;
  /** Of a refusal, else ''. */
  readonly error: string;
  /** Of an answer, else null. */
  readonly answer: unknown;
}

type Ask = (request: RandomRequest) => Promise<Outcome>;

/** Without what ours has in other places, or not at all. */
const sentence = ({ error }: Outcome): string => error.replace(/^\[request id: .*?\] /, '').trim();

/** Of what JSON does not hold as it should. */
const isParseError = (outcome: Outcome): boolean => /^(Unable|Failed) to parse '/.test(sentence(outcome));

function askHttp({ http }: Ports): Ask {
  return async ({ model, version, id, inputs, outputs, parameters }) => {
    const path = `/v2/models/${model}${version === '' ? '' : `/versions/${version}`}/infer`;
    const wanted = outputs.map(({ name, classes }) => ({
      name,
      ...(classes > 0 && { parameters: { classification: classes } }),
    }));
    const body = JSON.stringify({
      ...(id !== '' && { id }),
      inputs,
      parameters,
      ...(wanted.length > 0 && { outputs: wanted }),
    });
    const answered = await fetch(`http://127.0.0.1:${http}${path}`, { method: 'POST', body });
    const text = await answered.text();
    const json = JSON.parse(text);
    if (answered.status !== 200) return { status: answered.status, error: json.error, answer: null };
    return { status: 200, error: '', answer: { ...json, outputs: byName(json.outputs) } };
  };
}

type Named = { readonly name: string };
const byName = <T extends Named>(entries: readonly T[]): T[] => [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));

interface GrpcAnswer {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly outputs: readonly { name: string; datatype: string; shape: string[] }[];
  readonly raw_output_contents: readonly Buffer[];
}

function parameterOf(value: number | string | boolean): object {
  if (typeof value === 'boolean') return { bool_param: value };
  return typeof value === 'string' ? { string_param: value } : { int64_param: value };
}

function askGrpc({ grpc }: Ports): { ask: Ask; close: () => void } {
  const file = new URL('../../proto/grpc_service.proto', import.meta.url).pathname;
  const definition = loadPackageDefinition(loadSync(file, { keepCase: true, longs: String })) as unknown as {
    inference: {
      GRPCInferenceService: new (
        address: string,
        how: object,
      ) => Client & {
        ModelInfer(
          message: object,
          done: (error: { code: number; details: string } | null, answer: GrpcAnswer) => void,
        ): void;
      };
    };
  };
  const client = new definition.inference.GRPCInferenceService(`127.0.0.1:${grpc}`, credentials.createInsecure());
  const ask: Ask = ({ model, version, id, inputs, outputs, parameters }) =>
    new Promise((resolve) => {
      const message = {
        model_name: model,
        model_version: version,
        id,
        inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
        outputs: outputs.map(({ name, classes }) => ({
          name,
          ...(classes > 0 && { parameters: { classification: { int64_param: classes } } }),
        })),
        parameters: Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, parameterOf(value)])),
        raw_input_contents: inputs.map(rawOf),
      };
      client.ModelInfer(message, (error, answer) => {
        if (error !== null) return resolve({ status: error.code, error: error.details, answer: null });
        const { model_name, model_version, raw_output_contents } = answer;
        const tensors = answer.outputs.map(({ name, datatype, shape }, i) => ({
          name,
          datatype,
          shape,
          data: raw_output_contents[i]?.toString('hex'),
        }));
        return resolve({
          status: 0,
          error: '',
          answer: { model_name, model_version, id: answer.id, outputs: byName(tensors) },
        });
      });
    });
  return { ask, close: () => client.close() };
}

/** Differences that are meant to be; see docs/differences-from-triton.md. */
function isIntended({ done }: RandomRequest, triton: Outcome, ours: Outcome): boolean {
  const areRefused = triton.answer === null && ours.answer === null;
  // Which of two faults is told is a matter of order.
  if (areRefused && done.length > 1) return true;
  // Values are compared with the datatype and the shape while they are read, before the model is asked; 400 instead of 500.
  if (areRefused && isParseError(ours) && ours.status === 400) return true;
  // Later versions of Triton refuse it, as it does over gRPC.
  if (done.includes('output twice') && ours.error.includes('already exists in request')) return true;
  // The datatype is named, where Triton has '<invalid>', and a negative extent is refused as such.
  if (areRefused && triton.status === ours.status) {
    return done[0] === 'unknown datatype' ? ours.error.includes("'FP31'") : done[0] === 'negative extent';
  }
  return false;
}

/** What differs and is not meant to; null for nothing. */
function difference(request: RandomRequest, triton: Outcome, ours: Outcome): string | null {
  const isSameAnswer = JSON.stringify(triton.answer) === JSON.stringify(ours.answer);
  const isSame = triton.status === ours.status && sentence(ours).includes(sentence(triton)) && isSameAnswer;
  if (isSame || isIntended(request, triton, ours)) return null;
  const { model, done } = request;
  return `${model} (${done.join(', ') || 'good'}):\n  Triton ${JSON.stringify(triton)}\n  ours   ${JSON.stringify(ours)}`;
}

describe.runIf(missing === null)(`the same as Triton (FUZZ_SEED=${seed})`, () => {
  let triton: RunningTriton;
  let ours: ServerProcess;
  const closers: (() => unknown)[] = [];

  beforeAll(async () => {
    const { path, dispose } = await temporaryFolder();
    const copy = await temporaryFolder();
    closers.push(dispose, copy.dispose);
    await placeModels(path);
    triton = await startTriton(path, copy.path);
    closers.push(() => triton.stop());
    ours = await ServerProcess.start(path);
    closers.push(() => ours.kill());
  });
  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });

  async function compare(asks: readonly [Ask, Ask]): Promise<void> {
    const differences = new Map<string, string>();
    for (const request of fc.sample(anyRequest, { seed, numRuns: count })) {
      const [theirs, own] = await Promise.all(asks.map((ask) => ask(request))).catch((error: unknown) => {
        throw new Error(`no answer to ${JSON.stringify(request)}`, { cause: error });
      });
      const found = difference(request, theirs as Outcome, own as Outcome);
      if (found !== null) differences.set(request.done.join(), found);
    }
    expect([...differences.values()]).toEqual([]);
  }

  it('is what HTTP answers', async () => {
    await compare([askHttp(triton.ports), askHttp(ours.ports)]);
  });

  it('is what gRPC answers', async () => {
    const [theirs, own] = [askGrpc(triton.ports), askGrpc(ours.ports)];
    closers.push(theirs.close, own.close);
    await compare([theirs.ask, own.ask]);
  });
});
