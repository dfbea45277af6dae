/** An ONNX file: its facts, or one error. What the rewriter makes of it can be read again. */

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bytesSource } from '../../../../src/engine/onnx-file/byte-source.ts';
import { readOnnxSource } from '../../../../src/engine/onnx-file/read-onnx-file.ts';
import { rewriteZipMaps } from '../../../../src/engine/onnx-file/zip-map.ts';
import { InferenceError } from '../../../../src/errors.ts';
import { elem, externalInitializer, graph, model, node, tensorType, valueInfo } from '../../../models/onnx-writer.ts';
import { changedMessage } from '../protobuf-change.ts';
import { type FuzzTarget, must } from '../target.ts';

const maxBytes = 6000;

async function run(input: Buffer): Promise<void> {
  try {
    const facts = await readOnnxSource(bytesSource('fuzz.onnx', input));
    JSON.stringify(facts, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    const rewritten = await rewriteZipMaps('fuzz.onnx', input);
    if (rewritten === null) return;
    // An output without a name is declared by two bytes, and by twenty as a matrix.
    must(rewritten.bytes.length < 12 * input.length + 1000, 'a rewritten model of another size');
    await again(rewritten.bytes);
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    must(['invalid_argument', 'unimplemented'].includes(error.code), `an error of ${error.code}`);
    must(error.message.length < 250_000, 'a long message');
  }
}

async function again(bytes: Uint8Array): Promise<void> {
  let rest: unknown;
  try {
    await readOnnxSource(bytesSource('again.onnx', bytes));
    rest = await rewriteZipMaps('again.onnx', bytes);
  } catch (error) {
    throw new Error(`what was rewritten cannot be read: ${(error as Error).message}`);
  }
  must(rest === null, 'what was rewritten is rewritten again');
}

const input = valueInfo('c', tensorType(elem.bool, []));
const output = valueInfo('y', tensorType(elem.float, null));
const weights = externalInitializer('W', elem.float, [2, 2], { location: '../w.bin', offset: 16, length: 16 });
const branch = graph({ nodes: [], inputs: [], outputs: [], initializers: [weights] });
const external = model({
  nodes: [node('If', ['c'], ['y'], { then_branch: { graph: branch } })],
  inputs: [input],
  outputs: [output],
});
const small = model({ nodes: [node('Relu', ['c'], ['y'])], inputs: [input], outputs: [output] });
const repository = resolve('model-repository');
const models = readdirSync(repository).map(
  (name) => new Uint8Array(readFileSync(join(repository, name, '1/model.onnx'))),
);

export const target: FuzzTarget = {
  seeds: [external, small, ...models.filter(({ length }) => length <= maxBytes)],
  words: [
    ...[
      'ZipMap',
      'ai.onnx.ml',
      'classlabels_strings',
      'classlabels_int64s',
      'Cast',
      'location',
      'offset',
      'length',
      '../a',
    ],
    ...[
      'PK\x03\x04',
      '\x89PNG',
      'ORTM',
      '\x1f\x8b',
      '{"',
      '<html',
      '\x80\x02',
      'float_data',
      'seq(map(string, float))',
    ],
    ...[
      Buffer.of(0x08, 0x08),
      Buffer.of(0x3a, 0x80, 0x01),
      Buffer.of(0xff, 0xff, 0xff, 0xff, 0x7f),
      Buffer.of(0x0b, 0x0c),
    ],
    ...[Buffer.of(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), Buffer.of(0x72, 0x02, 0x70, 0x01)],
  ],
  maxBytes,
  change: changedMessage,
  run,
};
