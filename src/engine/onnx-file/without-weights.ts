/**
 * A copy of a model whose large weights stay in its file: the runtime finds them there as external data and maps them. It copies
 * none of them before it repacks them to serve, and reads none to learn the inputs and outputs.
 */

import { type ByteSource, FileSource } from './byte-source.ts';
import { inMainGraph } from './onnx-facts.ts';
import {
  graphFields,
  keyValueFields,
  modelRule,
  nodeFields,
  nodeRule,
  tensorFields,
  tensorRule,
} from './onnx-schema.ts';
import { tensorBytes } from './tensor-bytes.ts';
import { type Edit, editedParts, type SourceRange } from './wire-edit.ts';
import type { WireMessage } from './wire-message.ts';
import { scanMessage } from './wire-scanner.ts';
import { bytesField, integerField, joined } from './wire-writer.ts';

/** Smaller tensors stay: the runtime reads the values of shapes and axes to infer the shapes of outputs. */
const leastTensorBytes = 64 * 1024;

/** A copy that is not much smaller than the file is not worth the reading. */
const mostCopiedShare = 1 / 4;

/** `TensorProto.DataLocation.EXTERNAL` */
const external = 1;

/**
 * Operators, by name and the input that is a weight, whose kernels read weights at any address: they repack them, or copy rows of
 * them, without instructions that demand alignment. A file of ONNX's format aligns nothing.
 */
const readersAtAnyAddress: ReadonlyMap<string, number> = new Map([
  ['MatMul', 1],
  ['Gemm', 1],
  ['Conv', 1],
  ['Gather', 0],
]);

/** Copies without weights; null where a copy would save little. Often both are the same bytes. */
interface CopiesWithoutWeights {
  /** All large weights stay in the file. */
  readonly toInspect: Uint8Array | null;
  /** Weights stay in the file that lie at an address which all operators that read them can take. */
  readonly toServe: Uint8Array | null;
}

/**
 * The model at `path`, which has been read as one before, with its large initializers as external data in the file
 * `location`. Rejects as `readOnnxFile` does.
 */
export async function withoutWeights(path: string, location: string): Promise<CopiesWithoutWeights> {
  const source = await FileSource.open(path);
  try {
    return await withoutWeightsOf(source, location);
  } finally {
    await source.close();
  }
}

/** A large initializer. */
interface LargeWeight {
  readonly name: string;
  readonly data: WireMessage;
  readonly isAligned: boolean;
}

/** The same for any source of bytes. */
export async function withoutWeightsOf(source: ByteSource, location: string): Promise<CopiesWithoutWeights> {
  const weights: LargeWeight[] = [];
  /** Names that an operator reads which may demand alignment. */
  const demanding = new Set<string>();
  const root = await scanMessage(source, modelRule, (message) => {
    if (message.rule === nodeRule) addDemanding(message, demanding);
    const data = largeData(message);
    if (data !== null)
      weights.push({ name: message.text(tensorFields.name), data, isAligned: isAligned(message, data) });
  });
  const servable = weights.filter(({ name, isAligned }) => isAligned || !demanding.has(name));
  const toServe = await copyWithout(source, root, servable, location);
  const toInspect = servable.length === weights.length ? toServe : await copyWithout(source, root, weights, location);
  return { toInspect, toServe };
}

async function copyWithout(
  source: ByteSource,
  root: WireMessage,
  weights: readonly LargeWeight[],
  location: string,
): Promise<Uint8Array | null> {
  const savedBytes = weights.reduce((sum, { data }) => sum + data.end - data.start, 0);
  if (source.sizeBytes - savedBytes > source.sizeBytes * mostCopiedShare) return null;
  const edits: Edit[] = weights.map(({ data }) => ({ of: data, bytes: referenceTo(data, location) }));
  const parts: Uint8Array[] = [];
  for (const part of editedParts(root, edits)) {
    if (part instanceof Uint8Array) parts.push(part);
    else parts.push(...(await bytesOf(source, part)));
  }
  return joined(parts);
}

/** Adds the inputs of a node, of whatever graph, that its operator may not be able to read at any address. */
function addDemanding(node: WireMessage, demanding: Set<string>): void {
  const domain = node.text(nodeFields.domain);
  const isOnnx = domain === '' || domain === 'ai.onnx';
  const weight = isOnnx ? readersAtAnyAddress.get(node.text(nodeFields.operator)) : undefined;
  for (const [index, name] of node.texts(nodeFields.inputs).entries()) if (index !== weight) demanding.add(name);
}

/** Whether the elements of a tensor lie at multiples of their size. The runtime maps whole pages. */
function isAligned(tensor: WireMessage, { contentStart, end }: WireMessage): boolean {
  const elements = tensor.integers(tensorFields.dims).reduce((product, dim) => product * dim, 1);
  const elementBytes = Math.ceil((end - contentStart) / elements);
  return contentStart % elementBytes === 0;
}

/**
 * The bytes of a large initializer of the main graph; null for every other message, and for a tensor whose bytes are not as its
 * dimensions say: the runtime shall refuse it as it refuses the file.
 */
function largeData(message: WireMessage): WireMessage | null {
  if (message.rule !== tensorRule || message.field !== graphFields.initializers || !inMainGraph(message)) return null;
  const [data, ...others] = message.children(tensorFields.rawData);
  if (data === undefined || others.length > 0) return null;
  const bytes = data.end - data.contentStart;
  if (bytes < leastTensorBytes || message.integer(tensorFields.dataLocation) !== null) return null;
  if (message.children(tensorFields.externalData).length > 0) return null;
  const expected = tensorBytes(message.integers(tensorFields.dims), message.integer(tensorFields.elementType) ?? 0);
  return bytes === expected ? data : null;
}

/** The fields of a tensor that stand in place of its bytes. */
function referenceTo(data: WireMessage, location: string): Uint8Array {
  const entry = (key: string, value: string): Uint8Array =>
    bytesField(tensorFields.externalData, bytesField(keyValueFields.key, key), bytesField(keyValueFields.value, value));
  return joined([
    entry('location', location),
    entry('offset', String(data.contentStart)),
    entry('length', String(data.end - data.contentStart)),
    integerField(tensorFields.dataLocation, external),
  ]);
}

async function bytesOf(source: ByteSource, { from, to }: SourceRange): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for (let at = from; at < to; ) {
    // The source's window is used again.
    const part = (await source.read(at)).slice(0, to - at);
    parts.push(part);
    at += part.length;
  }
  return parts;
}
