/** Clients that send without pause until told to stop, over HTTP and gRPC, and record failures. */

import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';

import { type Client, credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

import type { Ports } from './server-process.ts';

const protoFile = fileURLToPath(new URL('../../proto/grpc_service.proto', import.meta.url));

/** FP32 [1,4]; every answer must be these plus one and the same number. */
const inputValues = [10, 20, 30, 40];

/** One way to ask: resolves to as many numbers as were sent, in rows of four; rejects with what came instead. */
export type Ask = (model: string, values?: readonly number[]) => Promise<readonly number[]>;

export interface InferClient {
  readonly ask: Ask;
  close(): void;
}

/** HTTP with JSON over one keep-alive connection. A connection that the server closed in good order is reopened. */
export function httpClient({ http }: Ports): InferClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask: Ask = (model, values = inputValues) =>
    new Promise((resolve, reject) => {
      const input = { name: 'INPUT', datatype: 'FP32', shape: [values.length / 4, 4], data: values };
      const body = JSON.stringify({ inputs: [input] });
      const options = { host: '127.0.0.1', port: http, method: 'POST', path: `/v2/models/${model}/infer`, agent };
      const call = request({ ...options, headers: { 'content-length': Buffer.byteLength(body) } }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          if (response.statusCode !== 200) reject(new Error(`HTTP ${response.statusCode}: ${text}`));
          else resolve(JSON.parse(text).outputs[0].data);
        });
      });
      call.on('error', reject);
      call.end(body);
    });
  return { ask, close: () => agent.destroy() };
}

type UnaryCall = (
  message: object,
  done: (error: Error | null, answer: { raw_output_contents: Buffer[] }) => void,
) => void;

/** gRPC with raw tensors over one channel. */
export function grpcClient({ grpc }: Ports): InferClient {
  const definition = loadPackageDefinition(loadSync(protoFile, { keepCase: true })) as unknown as {
    inference: {
      GRPCInferenceService: new (address: string, how: object, options: object) => Client & { ModelInfer: UnaryCall };
    };
  };
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  const client = new definition.inference.GRPCInferenceService(
    `127.0.0.1:${grpc}`,
    credentials.createInsecure(),
    options,
  );
  const ask: Ask = (model, values = inputValues) =>
    new Promise((resolve, reject) => {
      const raw = Buffer.from(new Float32Array(values).buffer);
      const inputs = [{ name: 'INPUT', datatype: 'FP32', shape: [values.length / 4, 4] }];
      client.ModelInfer({ model_name: model, inputs, raw_input_contents: [raw] }, (error, answer) => {
        if (error) return reject(error);
        const bytes = answer.raw_output_contents[0];
        return resolve(values.map((_, i) => bytes.readFloatLE(i * 4)));
      });
    });
  return { ask, close: () => client.close() };
}

/** What a client saw. */
export interface Tally {
  answered: number;
  /** Answers per version. */
  readonly versions: Map<number, number>;
  readonly failures: string[];
}

/** The version that gave an answer of a versioned model; throws when its four elements do not agree. */
function versionOf(answer: readonly number[]): number {
  const versions = new Set(answer.map((value, i) => value - inputValues[i]));
  if (versions.size !== 1) throw new Error(`an answer mixes versions: ${answer.join(', ')}`);
  return [...versions][0];
}

/** Asks again and again until `isOver`; one request at a time. */
export async function askUntil(client: InferClient, model: string, isOver: () => boolean, tally: Tally): Promise<void> {
  while (!isOver()) {
    try {
      const version = versionOf(await client.ask(model));
      tally.answered++;
      tally.versions.set(version, (tally.versions.get(version) ?? 0) + 1);
    } catch (error) {
      tally.failures.push(String(error));
    }
  }
}
