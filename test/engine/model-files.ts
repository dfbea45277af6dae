/** Model files on disk for the engine's tests, and batches in and out of sessions in few words. */

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  BatchInput,
  Engine,
  EngineBatch,
  EngineInstance,
  EngineOutput,
  EngineSession,
  ModelFile,
  SessionSpec,
  Ticket,
} from '../../src/engine/engine.ts';
import type { InferenceError } from '../../src/errors.ts';
import { plainSession } from '../../src/engine/plain-session.ts';
import { silentLogger } from '../../src/logger.ts';
import { type OpenEngineOptions, openEngine } from '../../src/runtimes/open-engine.ts';
import { hostBytes, type TensorBytes } from '../../src/tensor/tensor-bytes.ts';
import { elem, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';

/** An engine with the settings of the server, on the ONNX Runtime that a server would take: NEREID_RUNTIME names another. */
export const engineForTests = (over: Partial<OpenEngineOptions> = {}): Engine =>
  openEngine({ libraryPath: null, cudaLibraryPaths: [], globalThreadPool: null, logger: silentLogger, ...over });

/** A folder for model files, deleted by `remove`. */
export function modelFolder(): { write(name: string, bytes: Uint8Array): ModelFile; path: string; remove(): void } {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'nereid-engine-')));
  return {
    path,
    write(name, bytes) {
      const file = join(path, name);
      writeFileSync(file, bytes);
      return { path: file, folder: path };
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

export const cpuSpec = (file: ModelFile, over: Partial<SessionSpec> = {}): SessionSpec => ({
  ...plainSession('test:1', file, { kind: 'cpu' }),
  requireDevice: false,
  ...over,
});

/** What a batch gave, copied, so that it can be looked at after the slab went back. */
/** An output whose bytes were copied. */
export interface CopiedOutput extends EngineOutput {
  readonly data: Uint8Array;
}

export interface Answer {
  readonly error: InferenceError | null;
  readonly outputs: readonly CopiedOutput[];
  readonly inferNs: number;
}

/** Hands a batch over; its ticket can end it. */
export function handOver(
  instance: EngineInstance,
  inputs: readonly BatchInput[],
  outputs: readonly number[],
  over: Partial<EngineBatch> = {},
): { readonly ticket: Ticket; readonly answer: Promise<Answer> } {
  let tell: (answer: Answer) => void = () => undefined;
  const answer = new Promise<Answer>((resolve) => {
    tell = resolve;
  });
  const ticket = instance.submit({ inputs, outputs, ...over }, (result) => {
    const copied = result.outputs.map((output) => ({ ...output, data: Uint8Array.from(hostBytes(output.data)) }));
    const { error, inferNs } = result;
    result.release();
    tell({ error, outputs: copied, inferNs });
  });
  return { ticket, answer };
}

export const infer = (
  instance: EngineInstance,
  inputs: readonly BatchInput[],
  outputs: readonly number[],
): Promise<Answer> => handOver(instance, inputs, outputs).answer;

/** The outputs of a batch that must succeed. */
export async function outputsOf(
  instance: EngineInstance,
  inputs: readonly BatchInput[],
  outputs: readonly number[],
): Promise<readonly CopiedOutput[]> {
  const answer = await infer(instance, inputs, outputs);
  if (answer.error !== null) throw answer.error;
  return answer.outputs;
}

/** Opens a session, gives it and one instance to `use`, and closes both. */
export async function withSession<T>(
  engine: Engine,
  spec: SessionSpec,
  use: (instance: EngineInstance, session: EngineSession) => Promise<T>,
  maxRows = 0,
): Promise<T> {
  const session = await engine.openSession(spec);
  const instance = session.createInstance({ name: 'test_0', maxRows });
  try {
    return await use(instance, session);
  } finally {
    await instance.close();
    await session.close();
  }
}

export const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

export const floatsIn = (data: TensorBytes): number[] => [...new Float32Array(Uint8Array.from(hostBytes(data)).buffer)];

/** x → x, any rows of `columns` elements. */
export const identityModel = (code: number, dims: readonly (number | string)[]): Uint8Array =>
  model({
    nodes: [node('Identity', ['x'], ['y'])],
    inputs: [valueInfo('x', tensorType(code, dims))],
    outputs: [valueInfo('y', tensorType(code, dims))],
  });

/** y = x + x over FP32 [N, columns]. */
export const doublingModel = (columns: number): Uint8Array =>
  model({
    nodes: [node('Add', ['x', 'x'], ['y'])],
    inputs: [valueInfo('x', tensorType(elem.float, ['N', columns]))],
    outputs: [valueInfo('y', tensorType(elem.float, ['N', columns]))],
  });
