/**
 * A copy of a model whose large weights stay in its file: the runtime finds them there as external data, maps them, and reads none of
 * them to learn the inputs and outputs. Opened from its file, a model of 400 MB is read and copied for that.
 */

import { type ByteSource, FileSource } from './byte-source.ts';
import { inMainGraph } from './onnx-facts.ts';
import { graphFields, keyValueFields, modelRule, tensorFields, tensorRule } from './onnx-schema.ts';
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
 * The model at `path`, which has been read as one before, with its large initializers as external data in the file
 * `location`. Null where this would save little. Rejects as `readOnnxFile` does.
 */
export async function withoutWeights(path: string, location: string): Promise<Uint8Array | null> {
  const source = await FileSource.open(path);
  try {
    return await withoutWeightsOf(source, location);
  } finally {
    await source.close();
  }
}

/** The same for any source of bytes. */
export async function withoutWeightsOf(source: ByteSource, location: string): Promise<Uint8Array | null> {
  const edits: Edit[] = [];
  let copiedBytes = source.sizeBytes;
  const root = await scanMessage(source, modelRule, (message) => {
    const data = largeData(message);
    if (data === null) return;
    edits.push({ of: data, bytes: referenceTo(data, location) });
    copiedBytes -= data.end - data.start;
  });
  if (copiedBytes > source.sizeBytes * mostCopiedShare) return null;
  const parts: Uint8Array[] = [];
  for (const part of editedParts(root, edits)) {
    if (part instanceof Uint8Array) parts.push(part);
    else parts.push(...(await bytesOf(source, part)));
  }
  return joined(parts);
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
