/** The rewriting of classifiers that end in a ZipMap: the changed and the unchanged parts of a model. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bytesSource } from '../../src/engine/onnx-file/byte-source.ts';
import { readOnnxSource } from '../../src/engine/onnx-file/read-onnx-file.ts';
import { rewriteZipMaps, withoutZipMap } from '../../src/engine/onnx-file/zip-map.ts';
import type { AttributeValue } from '../models/onnx-writer.ts';
import {
  elem,
  externalInitializer,
  graph,
  mapType,
  model,
  node,
  sequenceType,
  tensorType,
  valueInfo,
} from '../models/onnx-writer.ts';

const ml = 'ai.onnx.ml';
const maps = (name: string, key: number = elem.int64) =>
  valueInfo(name, sequenceType(mapType(key, tensorType(elem.float, null))));
const zipMap = (input: string, output: string, attributes: Record<string, AttributeValue>) =>
  node('ZipMap', [input], [output], attributes, ml);
const integers = { classlabels_int64s: { ints: [0, -1, 9007199254740993n] } };
const x = valueInfo('X', tensorType(elem.float, [null, 3]));
const read = (bytes: Uint8Array) => readOnnxSource(bytesSource('m.onnx', bytes));
const rewrite = (bytes: Uint8Array) => rewriteZipMaps('m.onnx', bytes);

describe('a model that ends in a ZipMap', () => {
  it('gives a matrix of the same name, labelled by the keys', async () => {
    const bytes = model({
      nodes: [zipMap('X', 'P', integers)],
      inputs: [x],
      outputs: [maps('P')],
      domainOpsets: { [ml]: 1 },
    });
    const before = Buffer.from(bytes);
    const rewritten = await rewrite(bytes);
    expect([...rewritten!.labels]).toEqual([['P', ['0', '-1', '9007199254740993']]]);
    const facts = await read(rewritten!.bytes);
    expect(facts.outputs).toEqual([{ name: 'P', element: elem.float, dims: ['', 3] }]);
    expect(facts.inputs).toEqual((await read(bytes)).inputs);
    expect(facts.zipMapOutputs).toEqual([]);
    expect(Buffer.compare(before, bytes)).toBe(0);
  });

  it('may have several of them, text labels and other outputs between', async () => {
    const label = valueInfo('label', tensorType(elem.int64, [null]));
    const rewritten = await rewrite(
      model({
        nodes: [
          zipMap('X', 'P', { classlabels_strings: { strings: ['no', '', 'Grüße'] } }),
          node('ArgMax', ['X'], ['label']),
          zipMap('X', 'Q', { classlabels_int64s: { ints: [5, 6, 7] } }),
        ],
        inputs: [x],
        outputs: [maps('P', elem.string), label, maps('Q')],
        domainOpsets: { [ml]: 3 },
      }),
    );
    expect([...rewritten!.labels]).toEqual([
      ['P', ['no', '', 'Grüße']],
      ['Q', ['5', '6', '7']],
    ]);
    const facts = await read(rewritten!.bytes);
    expect(facts.outputs.map(({ name, element }) => [name, element])).toEqual([
      ['P', elem.float],
      ['label', elem.int64],
      ['Q', elem.float],
    ]);
    expect(facts.nodeCount).toBe(3);
  });

  it('declares an output once that two of them write, for ONNX Runtime to refuse', async () => {
    const rewritten = await rewrite(
      model({
        nodes: [zipMap('X', 'P', integers), zipMap('X', 'P', integers)],
        inputs: [x],
        outputs: [maps('P')],
        domainOpsets: { [ml]: 1 },
      }),
    );
    const facts = await read(rewritten!.bytes);
    expect([facts.nodeCount, facts.outputs.length, facts.zipMapOutputs]).toEqual([2, 1, []]);
  });

  it('imports the ONNX operators when it had none', async () => {
    const rewritten = await rewrite(
      model({
        nodes: [zipMap('X', 'P', integers)],
        inputs: [x],
        outputs: [maps('P')],
        opset: null,
        domainOpsets: { [ml]: 1 },
      }),
    );
    expect([...(await read(rewritten!.bytes)).opsets]).toEqual([
      [ml, 1],
      ['', 13],
    ]);
  });

  it('refers to external data by its new location, also inside of subgraphs, and to everything else as before', async () => {
    const data = (name: string, location: string) =>
      externalInitializer(name, elem.float, [2], { location, offset: 8 });
    const branch = (name: string, location: string) =>
      graph({ nodes: [], inputs: [], outputs: [], initializers: [data(name, location)] });
    const bytes = model({
      nodes: [
        node('If', ['c'], ['n'], {
          then_branch: { graph: branch('a', 'moved') },
          else_branch: { graph: branch('b', 'x') },
        }),
        zipMap('X', 'P', integers),
      ],
      inputs: [x],
      outputs: [maps('P')],
      initializers: [data('W', 'moved'), data('V', 'stays')],
      domainOpsets: { [ml]: 1 },
    });
    const long = `blobs/${'0123456789abcdef'.repeat(20)}`;
    const rewritten = await rewriteZipMaps(
      'm.onnx',
      bytes,
      new Map([
        ['moved', long],
        ['x', 'y'],
      ]),
    );
    const facts = await read(rewritten!.bytes);
    const places = Object.fromEntries(facts.externalData.map(({ tensor, location }) => [tensor, location]));
    expect(places).toEqual({ W: long, V: 'stays', a: long, b: 'y' });
    const withoutLocation = ({ externalData }: Awaited<ReturnType<typeof read>>) =>
      externalData.map((reference) => ({ ...reference, location: '' }));
    expect(withoutLocation(facts)).toEqual(withoutLocation(await read(bytes)));
    expect(facts.outputs).toEqual([{ name: 'P', element: elem.float, dims: ['', 3] }]);
  });

  it.each([
    ['whose result is no output', [zipMap('X', 'inner', integers)], 'P'],
    ['whose result another node reads', [zipMap('X', 'P', integers), node('SequenceLength', ['P'], ['n'])], 'P'],
    [
      'whose result a subgraph reads',
      [
        zipMap('X', 'P', integers),
        node('If', ['c'], ['n'], {
          then_branch: { graph: graph({ nodes: [node('SequenceLength', ['P'], ['n'])], inputs: [], outputs: [] }) },
        }),
      ],
      'P',
    ],
    ['that names no classes', [zipMap('X', 'P', {})], 'P'],
    ['of another domain', [node('ZipMap', ['X'], ['P'], integers, 'example.com')], 'P'],
  ])('is left alone %s', async (_, nodes, output) => {
    const bytes = model({ nodes, inputs: [x], outputs: [maps(output)], domainOpsets: { [ml]: 1 } });
    expect(await rewrite(bytes)).toBeNull();
    expect((await read(bytes)).outputs[0]?.element).toBe('sequence');
  });
});

describe('a model file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nereid-zipmap-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('without a ZipMap needs no rewriting', async () => {
    const path = join(folder, 'plain.onnx');
    writeFileSync(path, model({ nodes: [node('Identity', ['X'], ['P'])], inputs: [x], outputs: [x] }));
    expect(await withoutZipMap(path)).toBeNull();
  });

  it('from scikit-learn is rewritten and stays as it was', async () => {
    const path = join(import.meta.dirname, '../../model-repository/vote_pipeline/1/model.onnx');
    const before = readFileSync(path);
    const rewritten = await withoutZipMap(path);
    expect([...rewritten!.labels]).toEqual([['output_probability', ['Clinton', 'Dole']]]);
    expect((await read(rewritten!.bytes)).outputs.at(-1)).toEqual({
      name: 'output_probability',
      element: elem.float,
      dims: ['', 2],
    });
    expect(readFileSync(path).equals(before)).toBe(true);
  });
});
