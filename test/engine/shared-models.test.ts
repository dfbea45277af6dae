/**
 * Models that others made: every good one opens and gives bit for bit what onnxruntime-node gives, every bad one is refused
 * with a reason, and no batch ends the process. Skipped where the shared folder is not beside the repository.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { BatchInput, EngineSession, ModelFile } from '../../src/engine/engine.ts';
import { InferenceError } from '../../src/errors.ts';
import { encodeBytesElements } from '../../src/tensor/bytes-elements.ts';
import { bytesOf, cpuSpec, engineForTests, infer, outputsOf } from './model-files.ts';

const shared = join(import.meta.dirname, '../../../shared/conformance');
const isThere = existsSync(shared);
const engine = engineForTests();
const modelFile = (path: string): ModelFile => ({ path, folder: dirname(path) });

interface ReferenceTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: number[];
  readonly file: string;
}
interface ModelEntry {
  readonly name: string;
  readonly model_file: string;
  readonly inputs: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }[];
  readonly outputs: readonly { readonly name: string; readonly datatype: string | null }[];
  readonly references: readonly {
    readonly name: string;
    readonly kind: string;
    readonly inputs?: readonly ReferenceTensor[];
    readonly outputs?: readonly ReferenceTensor[];
  }[];
}

/** Its StringNormalizer needs a locale that the C library of a small machine does not have. */
const needsLocale = 'text_vectorizer';
const hasLocale = spawnSync('locale', ['-a'], { encoding: 'utf8' }).stdout?.includes('en_US.utf8') ?? false;

const models: readonly ModelEntry[] = isThere
  ? JSON.parse(readFileSync(join(shared, 'models/manifest.json'), 'utf8')).models.filter(
      ({ name }: ModelEntry) => hasLocale || name !== needsLocale,
    )
  : [];

/** How onnxruntime-node wants the bytes of a datatype; missing where it takes none. */
const arrayOf: Readonly<Record<string, [string, (bytes: ArrayBuffer) => Tensor.DataTypeMap[Tensor.Type]]>> = {
  BOOL: ['bool', (bytes) => new Uint8Array(bytes)],
  UINT8: ['uint8', (bytes) => new Uint8Array(bytes)],
  INT8: ['int8', (bytes) => new Int8Array(bytes)],
  INT32: ['int32', (bytes) => new Int32Array(bytes)],
  INT64: ['int64', (bytes) => new BigInt64Array(bytes)],
  FP16: ['float16', (bytes) => new Uint16Array(bytes)],
  FP32: ['float32', (bytes) => new Float32Array(bytes)],
  FP64: ['float64', (bytes) => new Float64Array(bytes)],
};

const wireOf = (tensor: Tensor): Uint8Array =>
  tensor.type === 'string'
    ? encodeBytesElements((tensor.data as string[]).map((text) => new TextEncoder().encode(text)))
    : bytesOf(tensor.data as unknown as ArrayBufferView);

/** What onnxruntime-node answers, by output; null when it does not take this model or these inputs. */
async function answersOfNode(path: string, inputs: readonly ReferenceTensor[]): Promise<Record<string, Tensor> | null> {
  const feeds: Record<string, Tensor> = {};
  for (const { name, datatype, shape, file } of inputs) {
    const [type, view] = arrayOf[datatype] ?? [];
    if (type === undefined || view === undefined) return null;
    const bytes = Uint8Array.from(readFileSync(join(shared, 'models', file))).buffer;
    feeds[name] = new Tensor(type as 'float32', view(bytes) as Float32Array, shape);
  }
  try {
    const session = await InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1 });
    const answers = (await session.run(feeds)) as Record<string, Tensor>;
    await session.release();
    return answers;
  } catch {
    return null;
  }
}

/**
 * onnxruntime-node leaves the runtime's default for quantized kernels, where ours is exact on every processor
 * (docs/decisions/0006-exact-quantization.md): bit for bit they agree only with the same kernels.
 */
const asNodeOpensIt: ReadonlyMap<string, string> = new Map([['session.x64quantprecision', '0']]);

const batchInputs = (session: EngineSession, inputs: readonly ReferenceTensor[]): BatchInput[] =>
  inputs.map(({ name, shape, file }) => ({
    index: session.signature.inputs.findIndex((input) => input.name === name),
    shape,
    parts: [Uint8Array.from(readFileSync(join(shared, 'models', file)))],
  }));

if (!isThere) console.log(`skipped: there is no ${shared}`);
else if (!hasLocale) console.log(`skipped: ${needsLocale}, because this machine has no locale en_US.UTF-8`);

describe.runIf(isThere)('a good model', () => {
  it.each(models.map((model) => [model.name, model] as const))('%s opens with its signature', async (_, model) => {
    const path = join(shared, 'models', model.model_file);
    const signature = await engine.inspect(modelFile(path));
    const required = signature.inputs.filter(({ isOptional }) => !isOptional);
    expect(required.map(({ name, datatype }) => ({ name, datatype }))).toEqual(
      model.inputs.map(({ name, datatype }) => ({ name, datatype })),
    );
    expect(signature.outputs.map(({ name }) => name)).toEqual(model.outputs.map(({ name }) => name));
    expect(required.map(({ shape }) => shape?.length)).toEqual(model.inputs.map(({ shape }) => shape.length));
    expect(signature.irVersion).toBeGreaterThan(0);
    expect(signature.opsets.size).toBeGreaterThan(0);
  });

  const runs = models.flatMap((model) =>
    model.references
      .filter(({ kind }) => kind === 'single')
      .map((reference) => [model.name, reference.name, model, reference] as const),
  );
  it.each(runs)('%s answers %s as onnxruntime-node does', async (_name, _reference, model, reference) => {
    const path = join(shared, 'models', model.model_file);
    const inputs = reference.inputs ?? [];
    const expected = await answersOfNode(path, inputs);
    const session = await engine.openSession(cpuSpec(modelFile(path), { sessionEntries: asNodeOpensIt }));
    const instance = session.createInstance({ name: 'parity_0', maxRows: 0 });
    const wanted = session.signature.outputs.map((_, index) => index);
    for (let turn = 0; turn < 3; turn++) {
      const outputs = await outputsOf(instance, batchInputs(session, inputs), wanted);
      for (const { index, data, shape } of outputs) {
        const spec = session.signature.outputs[index];
        const tensor = expected?.[spec.name];
        // A sequence of maps that is served as a tensor, or a datatype that onnxruntime-node does not have.
        if (!(tensor instanceof Tensor)) continue;
        expect(shape).toEqual([...tensor.dims]);
        expect(Buffer.from(data).equals(wireOf(tensor)), `${spec.name} differs`).toBe(true);
      }
      for (const { name, file, datatype } of reference.outputs ?? []) {
        const output = outputs[session.signature.outputs.findIndex((spec) => spec.name === name)];
        if (datatype === 'FP32' || file === undefined) continue;
        expect(output?.data.length).toBe(readFileSync(join(shared, 'models', file)).length);
      }
    }
    await instance.close();
    await session.close();
  });
});

describe.runIf(isThere)('a bad model', () => {
  const folder = join(shared, 'bad/models');
  const cases = isThere
    ? (JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')).cases as {
        id: string;
        dir: string;
        phase: string;
        outcome: string;
        class: string;
        request?: {
          inputs: { name: string; datatype: string; shape: number[]; data: (number | string)[] }[];
        };
      }[])
    : [];

  it.each(cases.filter(({ phase }) => phase === 'load').map((entry) => [entry.id, entry] as const))(
    '%s is refused with a reason, or does no harm',
    async (_, { dir, outcome }) => {
      const home = join(shared, 'bad', dir);
      const name = readdirSync(home, { recursive: true }).find((file) => String(file).endsWith('.onnx'));
      const open = engine.openSession(cpuSpec(modelFile(join(home, String(name)))));
      const refusal = await open.then(
        async (session) => {
          await session.close();
          return null;
        },
        (error: unknown) => error,
      );
      if (outcome === 'no_crash' && refusal === null) return;
      expect(refusal).toBeInstanceOf(InferenceError);
      const { message, code } = refusal as InferenceError;
      expect(message.length).toBeGreaterThan(10);
      expect(message).not.toContain(home);
      expect(['invalid_argument', 'unimplemented', 'not_found', 'unavailable']).toContain(code);
    },
  );

  /** JSON inputs of a case as bytes. */
  const bytesOfCase = (datatype: string, data: readonly (number | string)[]): Uint8Array => {
    if (datatype === 'INT64') return bytesOf(BigInt64Array.from(data.map(BigInt)));
    if (datatype === 'INT32') return bytesOf(Int32Array.from(data.map(Number)));
    if (datatype === 'BYTES') return encodeBytesElements(data.map((text) => new TextEncoder().encode(String(text))));
    return bytesOf(Float32Array.from(data.map(Number)));
  };

  it.each(cases.filter(({ outcome }) => outcome === 'run_fails').map((entry) => [entry.id, entry] as const))(
    '%s fails its batch with the right code, again and again',
    async (_, entry) => {
      const path = join(shared, 'bad', entry.dir, '1/model.onnx');
      const session = await engine.openSession(cpuSpec(modelFile(path)));
      const instance = session.createInstance({ name: 'bad_0', maxRows: 0 });
      const inputs = (entry.request?.inputs ?? []).map(({ name, datatype, shape, data }) => ({
        index: session.signature.inputs.findIndex((input) => input.name === name),
        shape,
        parts: [bytesOfCase(datatype, data)],
      }));
      for (let turn = 0; turn < 3; turn++) {
        const { error } = await infer(instance, inputs, [0]);
        expect(error?.code).toBe(entry.class.toLowerCase());
        expect(error?.message).not.toContain('/onnxruntime_src/');
      }
      await instance.close();
      await session.close();
    },
  );
});
