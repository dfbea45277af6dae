/**
 * Reads the facts of an ONNX file without loading a tensor. A file of another kind – compressed, an image, text,
 * another framework's format – is refused with its own sentence before any parsing.
 */

import { invalidArgument, unimplemented } from '../../errors.ts';
import { type ByteSource, FileSource } from './byte-source.ts';
import { foreignKind, isOrtFormat, kindPrefixBytes } from './file-kind.ts';
import { FactsCollector, type OnnxFileFacts } from './onnx-facts.ts';
import { modelRule } from './onnx-schema.ts';
import { scanMessage } from './wire-scanner.ts';

/** Protobuf's limit on one message, and with it on an ONNX file. */
const maxOnnxBytes = 2 ** 31 - 1;

/**
 * The facts of the file at `path`; null for ONNX Runtime's own format, which has no declarations that can be read here.
 * Rejects `invalid_argument` with the fault and its offset, `not_found` or `unavailable` when the file cannot be read.
 */
export async function readOnnxFile(path: string): Promise<OnnxFileFacts | null> {
  const source = await FileSource.open(path);
  try {
    return isOrtFormat(await prefixOf(source)) ? null : await readOnnxSource(source);
  } finally {
    await source.close();
  }
}

/** The same for any source of bytes. Rejects `unimplemented` for ONNX Runtime's own format. */
export async function readOnnxSource(source: ByteSource): Promise<OnnxFileFacts> {
  const prefix = await prefixOf(source);
  if (isOrtFormat(prefix)) {
    throw unimplemented(`'${source.name}' is in ONNX Runtime's own format (.ort); it declares no ONNX facts`);
  }
  const foreign = foreignKind(prefix);
  if (foreign !== null) throw invalidArgument(`'${source.name}' ${foreign}, expected an ONNX protobuf`);
  if (source.sizeBytes > maxOnnxBytes) {
    throw invalidArgument(
      `'${source.name}' has ${source.sizeBytes} bytes, an ONNX protobuf holds at most ${maxOnnxBytes}: ` +
        'export the model with its weights as external data',
    );
  }
  const collector = new FactsCollector(source.name, source.sizeBytes);
  return collector.facts(await scanMessage(source, modelRule, collector.visit));
}

async function prefixOf(source: ByteSource): Promise<Uint8Array> {
  if (source.sizeBytes === 0) return new Uint8Array(0);
  return (await source.read(0)).subarray(0, kindPrefixBytes);
}
