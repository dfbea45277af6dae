/** The facts and errors of the reader for ONNX files, well-formed and not. Bytes come from the tests' own writer. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { type ByteSource, bytesSource, windowBytes } from '../../src/engine/onnx-file/byte-source.ts';
import { readOnnxFile, readOnnxSource } from '../../src/engine/onnx-file/read-onnx-file.ts';
import { InferenceError } from '../../src/errors.ts';
import {
  bytesField,
  elem,
  externalInitializer,
  floats,
  graph,
  initializer,
  intField,
  mapType,
  model,
  node,
  optionalType,
  sequenceType,
  sparseTensorType,
  tensorType,
  valueInfo,
  varint,
} from '../models/onnx-writer.ts';

const folder = mkdtempSync(join(tmpdir(), 'nereid-onnx-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const x = valueInfo('X', tensorType(elem.float, ['batch', 4]));
const y = valueInfo('Y', tensorType(elem.float, ['batch', 4]));
const plain = { nodes: [node('Relu', ['X'], ['Y'])], inputs: [x], outputs: [y] };

const read = (bytes: Uint8Array) => readOnnxSource(bytesSource('m.onnx', bytes));
const refusal = async (bytes: Uint8Array): Promise<InferenceError> => {
  const error: unknown = await read(bytes).then(
    () => null,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(InferenceError);
  return error as InferenceError;
};
const joined = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

describe('the facts of an ONNX file', () => {
  it('are its versions, producer, metadata and nodes', async () => {
    const facts = await read(
      model({ ...plain, irVersion: 10, opset: 21, domainOpsets: { 'ai.onnx.ml': 3 }, metadata: { a: '1', b: '2' } }),
    );
    expect(facts.irVersion).toBe(10);
    expect([...facts.opsets]).toEqual([
      ['', 21],
      ['ai.onnx.ml', 3],
    ]);
    expect(facts.producer).toBe('nereid-test');
    expect(facts.metadataCount).toBe(2);
    expect(facts.nodeCount).toBe(1);
    expect(facts.zipMapOutputs).toEqual([]);
  });

  it('take the domain ai.onnx for the default one', async () => {
    const facts = await read(model({ ...plain, opset: null, domainOpsets: { 'ai.onnx': 12 } }));
    expect([...facts.opsets]).toEqual([['', 12]]);
  });

  it('keep extents, symbols and unnamed dimensions apart', async () => {
    const odd = valueInfo('odd', tensorType(elem.int64, [3, 'N"\n', null, -1, 0]));
    expect((await read(model({ ...plain, inputs: [odd] }))).inputs).toEqual([
      { name: 'odd', element: elem.int64, dims: [3, 'N"\n', '', '', 0] },
    ]);
  });

  it('tell a scalar from an unknown rank', async () => {
    const scalar = valueInfo('scalar', tensorType(elem.float, []));
    const unknown = valueInfo('unknown', tensorType(elem.float, null));
    const { inputs } = await read(model({ ...plain, inputs: [scalar, unknown] }));
    expect(inputs.map(({ dims }) => dims)).toEqual([[], null]);
  });

  it('name values that are no tensors', async () => {
    const float = tensorType(elem.float, [1]);
    const kinds = [
      valueInfo('s', sequenceType(float)),
      valueInfo('m', mapType(elem.int64, float)),
      valueInfo('o', optionalType(float)),
      valueInfo('p', sparseTensorType(elem.float, [1])),
      valueInfo('n', { kind: 'type', bytes: new Uint8Array(0) }),
    ];
    const { inputs } = await read(model({ ...plain, inputs: kinds }));
    expect(inputs.map(({ element }) => element)).toEqual(['sequence', 'map', 'optional', 'sparse', 'undeclared']);
  });

  it('name the initialisers of the main graph only', async () => {
    const inner = graph({
      nodes: [],
      inputs: [],
      outputs: [],
      initializers: [initializer('inner', elem.float, [1], floats([1]))],
    });
    const facts = await read(
      model({
        ...plain,
        nodes: [node('If', ['c'], ['Y'], { then_branch: { graph: inner } })],
        initializers: [initializer('W', elem.float, [2], floats([1, 2]))],
      }),
    );
    expect([...facts.initializers]).toEqual(['W']);
  });

  it('find external data in initialisers, attributes and subgraphs', async () => {
    const place = (location: string) => ({ location, offset: 8, length: 16 });
    const inner = graph({
      nodes: [],
      inputs: [],
      outputs: [],
      initializers: [externalInitializer('B', elem.float, [4], place('b.bin'))],
    });
    const facts = await read(
      model({
        ...plain,
        nodes: [
          node('If', ['c'], ['Y'], { then_branch: { graph: inner } }),
          node('Constant', [], ['C'], {
            value: { tensor: externalInitializer('C', elem.int64, [3], { location: 'c.bin' }) },
          }),
        ],
        initializers: [externalInitializer('A', elem.float16, [2, 4], place('a.bin'))],
      }),
    );
    expect(facts.externalData).toEqual([
      { tensor: 'B', location: 'b.bin', offset: '8', length: '16', tensorBytes: 16 },
      { tensor: 'C', location: 'c.bin', offset: null, length: null, tensorBytes: 24 },
      { tensor: 'A', location: 'a.bin', offset: '8', length: '16', tensorBytes: 16 },
    ]);
  });

  it('come from a file in several windows as from bytes in one', async () => {
    const many = Array.from({ length: 9000 }, (_, index) =>
      node('Relu', [index === 0 ? 'X' : `v${index}`], [`v${index + 1}`]),
    );
    const bytes = model({ ...plain, nodes: many });
    expect(bytes.length).toBeGreaterThan(windowBytes);
    const path = join(folder, 'many.onnx');
    writeFileSync(path, bytes);
    expect(await readOnnxFile(path)).toEqual({ ...(await read(bytes)), fileName: 'many.onnx' });
  });

  it('cost no look at the bytes of a tensor', async () => {
    // 1.5 GB of weights that exist nowhere: the source answers only where the reader has business.
    const weightBytes = 1_500_000_000;
    const tensor = joined(intField(1, weightBytes / 4), intField(2, elem.float), bytesField(8, 'W'));
    const rawHead = joined(varint((9 << 3) | 2), varint(weightBytes));
    const tensorHead = joined(
      varint((5 << 3) | 2),
      varint(tensor.length + rawHead.length + weightBytes),
      tensor,
      rawHead,
    );
    const rest = joined(bytesField(11, x.bytes), bytesField(12, y.bytes));
    const graphHead = joined(varint((7 << 3) | 2), varint(tensorHead.length + weightBytes + rest.length));
    const front = joined(intField(1, 8), graphHead, tensorHead);
    let reads = 0;
    const source: ByteSource = {
      name: 'big.onnx',
      sizeBytes: front.length + weightBytes + rest.length,
      read: async (offset) => {
        reads += 1;
        if (offset < front.length) return joined(front.subarray(offset), new Uint8Array(64));
        return rest.subarray(offset - front.length - weightBytes);
      },
    };
    const facts = await readOnnxSource(source);
    expect([...facts.initializers]).toEqual(['W']);
    expect(facts.outputs.map(({ name }) => name)).toEqual(['Y']);
    expect(reads).toBeLessThan(6);
  });
});

describe('a file that is no ONNX model', () => {
  it.each([
    ['empty', new Uint8Array(0), 'is empty'],
    ['gzip', new Uint8Array(gzipSync(model(plain))), 'is gzip-compressed'],
    ['PNG', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0), 'is a PNG image'],
    ['text', new TextEncoder().encode('import torch\n'), 'is a text file'],
    ['LFS pointer', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid'), 'git lfs pull'],
    ['zip', Uint8Array.of(0x50, 0x4b, 3, 4, 20, 0, 0, 0), 'is a zip archive'],
    ['TensorFlow Lite', Uint8Array.of(28, 0, 0, 0, 0x54, 0x46, 0x4c, 0x33), 'is a TensorFlow Lite model'],
    ['safetensors', Uint8Array.of(64, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22, 97), 'is a safetensors file'],
  ])('is named: %s', async (_, bytes, text) => {
    const { code, message } = await refusal(bytes);
    expect(code).toBe('invalid_argument');
    expect(message).toContain(text);
    expect(message).toContain("'m.onnx'");
    expect(message).toContain('expected an ONNX protobuf');
  });

  it('is refused when it is larger than a protobuf can be', async () => {
    const source: ByteSource = { name: 'm.onnx', sizeBytes: 3_000_000_000, read: async () => model(plain) };
    await expect(readOnnxSource(source)).rejects.toThrow(/3000000000 bytes.*at most 2147483647.*external data/);
  });

  it('is refused as unimplemented in ONNX Runtime format; such a file has no facts', async () => {
    const bytes = Uint8Array.of(24, 0, 0, 0, 0x4f, 0x52, 0x54, 0x4d, 0, 0);
    expect((await refusal(bytes)).code).toBe('unimplemented');
    const path = join(folder, 'm.ort');
    writeFileSync(path, bytes);
    expect(await readOnnxFile(path)).toBeNull();
  });

  it('is refused when it is absent, a folder or a pipe, without its path', async () => {
    await expect(readOnnxFile(join(folder, 'absent.onnx'))).rejects.toMatchObject({
      code: 'not_found',
      message: "model file 'absent.onnx' does not exist",
    });
    await expect(readOnnxFile(folder)).rejects.toMatchObject({ code: 'invalid_argument' });
    execFileSync('mkfifo', [join(folder, 'pipe.onnx')]);
    await expect(readOnnxFile(join(folder, 'pipe.onnx'))).rejects.toThrow("'pipe.onnx' is no regular file");
  });

  it('has no graph', async () => {
    expect((await refusal(intField(1, 8))).message).toContain('has no graph');
  });
});

describe('a damaged ONNX file', () => {
  const good = model(plain);

  it('is refused with the offset wherever it was cut, or still tells facts', async () => {
    for (let length = 1; length < good.length; length += 1) {
      const error: unknown = await read(good.subarray(0, length)).catch((reason) => reason);
      if (error instanceof Error) expect(error).toMatchObject({ code: 'invalid_argument' });
    }
    expect((await refusal(good.subarray(0, good.length - 1))).message).toMatch(/at byte \d+, /);
  });

  it('is refused for a length that its message cannot hold', async () => {
    const { message } = await refusal(joined(intField(1, 8), varint((7 << 3) | 2), varint(2 ** 40)));
    expect(message).toBe(
      "'m.onnx' is no readable ONNX file: at byte 3, a field of ModelProto claims 1099511627776 bytes where 0 are left",
    );
  });

  it('is refused for overlong numbers, groups and field number 0', async () => {
    const overlong = new Uint8Array(12).fill(0xff);
    expect((await refusal(joined(Uint8Array.of(8), overlong))).message).toContain('longer than ten bytes');
    expect((await refusal(Uint8Array.of(0x0b))).message).toContain('wire type 3');
    expect((await refusal(Uint8Array.of(0x02, 0x00))).message).toContain('impossible field tag');
  });

  it('is refused beyond a nesting of 100 messages, however deep it goes', async () => {
    let inner = graph({ nodes: [], inputs: [], outputs: [] });
    for (let depth = 0; depth < 2000; depth += 1) {
      inner = graph({ nodes: [node('If', ['c'], ['y'], { then_branch: { graph: inner } })], inputs: [], outputs: [] });
    }
    expect((await refusal(joined(intField(1, 8), bytesField(7, inner.bytes)))).message).toContain('deeper than 100');
  });

  it('is refused when a second message would be merged into the first', async () => {
    const { message } = await refusal(joined(good, bytesField(7, new Uint8Array(0))));
    expect(message).toContain('has its GraphProto (field 7) twice');
  });

  it('is refused when external data has a key twice', async () => {
    const entry = (key: string, value: string) => bytesField(13, joined(bytesField(1, key), bytesField(2, value)));
    const tensor = joined(entry('location', 'a'), entry('location', '../b'), intField(14, 1));
    const body = joined(bytesField(5, tensor), bytesField(12, y.bytes));
    expect((await refusal(joined(intField(1, 8), bytesField(7, body)))).message).toContain('the same key twice');
  });

  it('is refused for a text beyond every measure', async () => {
    const huge = valueInfo('n'.repeat(300_000), tensorType(elem.float, [1]));
    expect((await refusal(model({ ...plain, inputs: [huge] }))).message).toContain('has 300000 bytes');
    const long = valueInfo('n'.repeat(65_536), tensorType(elem.float, [1]));
    expect((await read(model({ ...plain, inputs: [long] }))).inputs[0]?.name.length).toBe(65_536);
  });

  it('keeps unknown fields out of the way', async () => {
    const odd = joined(good, intField(1000, -1), bytesField(1001, 'later'), Uint8Array.of(0x65, 1, 2, 3, 4));
    expect((await read(odd)).outputs.map(({ name }) => name)).toEqual(['Y']);
  });
});

describe('the example models', () => {
  const repository = join(import.meta.dirname, '../../model-repository');
  const names = existsSync(repository) ? readdirSync(repository) : [];

  it('are all readable and declare the tensors of their expected answers', async () => {
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      const facts = await readOnnxFile(join(repository, name, '1/model.onnx'));
      const expectedFile = join(import.meta.dirname, `../models/expected/${name}.json`);
      const { cases } = JSON.parse(readFileSync(expectedFile, 'utf8'));
      const namesOf = (tensors: readonly { name: string }[]) => tensors.map((tensor) => tensor.name).sort();
      expect(namesOf(facts?.inputs ?? []), name).toEqual(namesOf(cases[0].inputs));
      expect(namesOf(facts?.outputs ?? []), name).toEqual(namesOf(cases[0].outputs));
    }
  });
});
