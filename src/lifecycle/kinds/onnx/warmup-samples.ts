/** The batches of configured warm-up samples (`model_warmup`): zeros, arbitrary numbers, or the bytes of files. */

import { join } from 'node:path';
import type { BatchInput, EngineBatch } from '../../../engine/engine.ts';
import { invalidArgument } from '../../../errors.ts';
import type { InputConfig, ModelConfig, WarmupInput, WarmupSample } from '../../../model-config/model-config.ts';
import type { ModelSignature } from '../../../model-config/signature.ts';
import { readRegularFile } from '../../../repository/read-file.ts';
import { quoted } from '../../../shown-text.ts';
import { type Datatype, datatypes } from '../../../tensor/datatype.ts';
import { elementCount } from '../../../tensor/shape.ts';

/** An input of one row has at most so many bytes. */
const mostSampleBytes = 1024 * 1024 * 1024;

/** Bytes of a file of strings, or of a file that is longer than its input. */
const mostFileBytes = 64 * 1024 * 1024;

/** Arbitrary numbers are made for so many elements and then repeated. */
const randomElements = 4096;

export interface SampleTask {
  readonly config: ModelConfig;
  readonly signature: ModelSignature;
  /** Absolute folder of the model; sample files lie in its `warmup` folder. */
  readonly modelFolder: string;
}

/** @throws InferenceError `invalid_argument`, or an error of `readRegularFile`, naming sample, input or file */
export async function sampleBatch(task: SampleTask, sample: WarmupSample): Promise<EngineBatch> {
  const inputs: BatchInput[] = [];
  for (const [name, input] of sample.inputs) {
    const index = task.signature.inputs.findIndex((spec) => spec.name === name);
    const config = task.config.inputs.find((entry) => entry.name === name);
    if (index < 0 || !config) {
      throw invalidArgument(
        `warmup sample ${quoted(sample.name)} has input ${quoted(name)}, which model '${task.config.name}' lacks`,
      );
    }
    inputs.push(await sampleInput(task, sample, config, index, input));
  }
  const missing = task.config.inputs.filter(({ isOptional, name }) => !isOptional && !sample.inputs.has(name));
  if (missing.length > 0) {
    const names = missing.map(({ name }) => quoted(name)).join(', ');
    throw invalidArgument(
      `warmup sample ${quoted(sample.name)} of model '${task.config.name}' lacks input(s) ${names}`,
    );
  }
  inputs.sort((a, b) => a.index - b.index);
  return { inputs, outputs: configuredOutputs(task.config, task.signature) };
}

async function sampleInput(
  task: SampleTask,
  sample: WarmupSample,
  config: InputConfig,
  index: number,
  input: WarmupInput,
): Promise<BatchInput> {
  const part = await sampleBytes(task, sample, config.name, input);
  // A scalar of the model is one value for all rows, as in requests.
  if (task.signature.inputs[index]?.shape?.length === 0) return { index, shape: [], parts: [part] };
  const isBatched = task.config.maxBatchSize > 0;
  const rows = isBatched ? sample.batchSize : 1;
  const modelDims = config.reshape && !config.reshape.includes(-1) ? config.reshape : input.dims;
  const shape = isBatched ? [rows, ...modelDims] : modelDims;
  return { index, shape, parts: new Array<Uint8Array>(rows).fill(part) };
}

/** The bytes of one row. */
async function sampleBytes(
  task: SampleTask,
  sample: WarmupSample,
  name: string,
  input: WarmupInput,
): Promise<Uint8Array> {
  const count = elementCount(input.dims);
  if (count === null) {
    throw invalidArgument(
      `warmup setting expects all variable-size dimensions are specified for input ${quoted(name)}`,
    );
  }
  if (bytesOf(input.datatype, count) > mostSampleBytes) {
    throw invalidArgument(
      `warmup sample ${quoted(sample.name)} of model '${task.config.name}' has ${count} elements in input ${quoted(name)}, ` +
        `expected at most ${mostSampleBytes} bytes`,
    );
  }
  if (input.source.kind === 'zero') return zeroBytes(input.datatype, count);
  if (input.source.kind === 'random') return randomBytes(input.datatype, count);
  const { file } = input.source;
  const expected = bytesOf(input.datatype, count);
  const subject = `warmup file ${quoted(file)} of model '${task.config.name}'`;
  const bytes = await readRegularFile(join(task.modelFolder, 'warmup', file), {
    subject,
    // Longer files are allowed, their beginning is used. The size of BYTES is not known in advance.
    maxBytes: Math.max(expected, mostFileBytes),
  });
  if (input.datatype === 'BYTES') return bytes;
  if (bytes.length < expected) {
    throw invalidArgument(
      `warmup setting expects ${expected} bytes, but the data provided from ${file} only has ${bytes.length} bytes`,
    );
  }
  return bytes.subarray(0, expected);
}

/** For BYTES the bytes of empty strings. */
const bytesOf = (datatype: Datatype, count: number): number => count * (datatypes[datatype].byteSize || 4);

/** Zeros; for BYTES that many empty strings. */
const zeroBytes = (datatype: Datatype, count: number): Uint8Array => new Uint8Array(bytesOf(datatype, count));

/** Arbitrary numbers that are small and finite in every datatype; empty strings for BYTES. */
function randomBytes(datatype: Datatype, count: number): Uint8Array {
  const bytes = zeroBytes(datatype, count);
  if (datatype === 'BYTES') return bytes;
  const { byteSize } = datatypes[datatype];
  const isFloat = datatype.startsWith('FP') || datatype === 'BF16';
  const view = new DataView(bytes.buffer);
  const made = Math.min(count, randomElements);
  for (let i = 0; i < made; i++) {
    if (datatype === 'FP32') view.setFloat32(i * 4, Math.random(), true);
    else if (datatype === 'FP64') view.setFloat64(i * 8, Math.random(), true);
    else if (isFloat) view.setUint16(i * 2, datatype === 'FP16' ? 0x3800 : 0x3f00, true);
    else bytes[i * byteSize] = Math.random() * (datatype === 'BOOL' ? 2 : 128);
  }
  for (let filled = made * byteSize; filled < bytes.length; filled *= 2) bytes.copyWithin(filled, 0, filled);
  return bytes;
}

/** Indexes in the signature of the outputs that the configuration has, ascending. */
export function configuredOutputs(config: ModelConfig, signature: ModelSignature): readonly number[] {
  return config.outputs
    .map(({ name }) => signature.outputs.findIndex((spec) => spec.name === name))
    .sort((a, b) => a - b);
}
