import { describe, expect, it } from 'vitest';

import { InferenceError } from '../../../src/errors.ts';
import type { InferenceRequest } from '../../../src/inference/request.ts';
import type { ModelConfig } from '../../../src/model-config/model-config.ts';
import type { ModelSignature } from '../../../src/model-config/signature.ts';
import { admit } from '../../../src/scheduling/admission/admission.ts';
import type { AdmittedRequest } from '../../../src/scheduling/admission/admitted-request.ts';
import { compileAdmission } from '../../../src/scheduling/admission/plan.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import {
  inputConfig,
  modelConfig,
  modelSignature,
  outputConfig,
  signatureOf,
  tensorSpec,
} from '../../fakes/make-model.ts';
import { bytesTensor, fp32, inferenceRequest, tensor } from '../../fakes/make-request.ts';
import { hostBytes } from '../../../src/tensor/tensor-bytes.ts';

const simple = modelConfig({
  name: 'simple',
  inputs: [inputConfig('INPUT0', 'INT32', [16]), inputConfig('INPUT1', 'INT32', [16])],
  outputs: [outputConfig('OUTPUT1', 'INT32', [16]), outputConfig('OUTPUT0', 'INT32', [16])],
});

const int32 = (name: string, shape: readonly number[], bytes = shape.reduce((a, b) => a * b, 4)) =>
  tensor(name, 'INT32', shape, new Uint8Array(bytes));

const good = [int32('INPUT0', [2, 16]), int32('INPUT1', [2, 16])];

const admitted = (
  config: ModelConfig,
  request: Partial<InferenceRequest>,
  signature: ModelSignature = signatureOf(config),
): AdmittedRequest => admit(compileAdmission(config, signature), inferenceRequest(request));

function refusalOf(config: ModelConfig, request: Partial<InferenceRequest>): string {
  try {
    admitted(config, request);
  } catch (error) {
    expect(error).toBeInstanceOf(InferenceError);
    expect((error as InferenceError).code).toBe('invalid_argument');
    return (error as InferenceError).message;
  }
  throw new Error('the request was admitted');
}

const refusal = (inputs: InferenceRequest['inputs'], config = simple): string => refusalOf(config, { inputs });

const bytesModel = modelConfig({
  inputs: [inputConfig('INPUT', 'BYTES', [-1])],
  outputs: [outputConfig('OUTPUT', 'BYTES', [-1])],
});

describe('a request that fits', () => {
  it('shares the list of outputs with others that name all of them, or none', () => {
    const plan = compileAdmission(simple, signatureOf(simple));
    const outputsOf = (...names: readonly string[]) =>
      admit(plan, inferenceRequest({ inputs: good, outputs: names.map((name) => ({ name, classificationCount: 0 })) }))
        .outputs;
    const all = outputsOf();
    expect(outputsOf('OUTPUT0', 'OUTPUT1')).toBe(all);
    expect(outputsOf('OUTPUT1', 'OUTPUT0')).toEqual(all);
    expect(outputsOf('OUTPUT0')).toEqual([all[0]]);
    const classes = [
      { name: 'OUTPUT0', classificationCount: 3 },
      { name: 'OUTPUT1', classificationCount: 0 },
    ];
    expect(admit(plan, inferenceRequest({ inputs: good, outputs: classes })).outputs).toMatchObject(classes);
  });

  it('may have any shape where the model leaves even the rank open', () => {
    const config = modelConfig({ maxBatchSize: 0, inputs: [inputConfig('INPUT', 'FP32', [])] });
    const open = modelSignature([{ ...tensorSpec('INPUT', 'FP32', []), shape: null }], signatureOf(config).outputs);
    for (const shape of [[], [3], [2, 2, 2]]) {
      const elements = shape.reduce((a, b) => a * b, 1);
      const inputs = [tensor('INPUT', 'FP32', shape, new Uint8Array(elements * 4))];
      expect(admitted(config, { inputs }, open).inputs[0]).toMatchObject({ shape });
    }
    const negative = { inputs: [tensor('INPUT', 'FP32', [-1], new Uint8Array(4))] };
    expect(() => admitted(config, negative, open)).toThrow('All input dimensions should be specified');
  });

  it('is admitted with its rows, its bytes and all outputs sorted by name', () => {
    const result = admitted(simple, { id: 'a', inputs: good, priority: 3, timeoutUs: 9 });
    expect(result).toMatchObject({ id: 'a', rows: 2, batchKey: '', priority: 3, timeoutUs: 9 });
    expect(result.inputs.map((input) => [input.index, input.shape])).toEqual([
      [0, [2, 16]],
      [1, [2, 16]],
    ]);
    expect(result.inputs[0].data).toBe(good[0].data);
    expect(result.outputs).toEqual([
      { index: 1, name: 'OUTPUT0', classificationCount: 0 },
      { index: 0, name: 'OUTPUT1', classificationCount: 0 },
    ]);
  });

  it('may name its inputs in any order', () => {
    const result = admitted(simple, { inputs: [good[1], good[0]] });
    expect(result.inputs[0].data).toBe(good[0].data);
    expect(result.inputs[1].data).toBe(good[1].data);
  });

  it('gets the outputs it names, sorted, with their classification counts', () => {
    const outputs = [
      { name: 'OUTPUT1', classificationCount: 3 },
      { name: 'OUTPUT0', classificationCount: 0 },
    ];
    expect(admitted(simple, { inputs: good, outputs }).outputs).toEqual([
      { index: 1, name: 'OUTPUT0', classificationCount: 0 },
      { index: 0, name: 'OUTPUT1', classificationCount: 3 },
    ]);
  });

  it('uses the indexes of the model file, not the order of the configuration', () => {
    const signature = modelSignature(
      [tensorSpec('INPUT1', 'INT32', [-1, 16]), tensorSpec('X', 'FP32', [1]), tensorSpec('INPUT0', 'INT32', [-1, 16])],
      [tensorSpec('OUTPUT0', 'INT32', [-1, 16]), tensorSpec('OUTPUT1', 'INT32', [-1, 16])],
    );
    const result = admitted(simple, { inputs: good }, signature);
    expect(result.inputs.map((input) => [input.index, input.data === good[1].data])).toEqual([
      [0, true],
      [2, false],
    ]);
  });

  it('may have zero extents behind the batch dimension', () => {
    expect(admitted(bytesModel, { inputs: [bytesTensor('INPUT', [1, 0], [])] })).toMatchObject({
      rows: 1,
    });
    const config = modelConfig({ maxBatchSize: 0, inputs: [inputConfig('INPUT', 'FP32', [-1, 4])] });
    expect(admitted(config, { inputs: [fp32('INPUT', [0, 4], [])] })).toMatchObject({ rows: 1 });
  });

  it('has one row and its full shape for a model without a batch dimension', () => {
    const config = modelConfig({ maxBatchSize: 0, inputs: [inputConfig('INPUT', 'FP32', [-1, 2])] });
    const result = admitted(config, { inputs: [fp32('INPUT', [3, 2], [1, 2, 3, 4, 5, 6])] });
    expect(result).toMatchObject({ rows: 1, batchKey: '' });
    expect(result.inputs[0].shape).toEqual([3, 2]);
  });

  it('may come without inputs to a model that has none', () => {
    expect(admitted(modelConfig({ inputs: [] }), { inputs: [] })).toMatchObject({ rows: 1, inputs: [] });
  });
});

describe('the batch key', () => {
  const variable = modelConfig({
    maxBatchSize: 8,
    inputs: [inputConfig('A', 'FP32', [-1]), inputConfig('B', 'FP32', [2, -1])],
  });
  const key = (a: number, b: number, rows = 1): string =>
    admitted(variable, {
      inputs: [
        fp32('A', [rows, a], new Array(rows * a).fill(0)),
        fp32('B', [rows, 2, b], new Array(rows * 2 * b).fill(0)),
      ],
    }).batchKey;

  it('is equal exactly when all shapes are equal but for the rows', () => {
    expect(key(3, 4, 1)).toBe(key(3, 4, 2));
    const keys = [key(3, 4), key(4, 3), key(34, 1), key(3, 41), key(0, 0)];
    expect(new Set(keys).size).toBe(keys.length);
  });

  const optional = modelConfig({
    inputs: [
      inputConfig('A', 'FP32', [1]),
      inputConfig('B', 'FP32', [1], { isOptional: true }),
      inputConfig('C', 'FP32', [1], { isOptional: true }),
    ],
  });

  it('keeps requests with different sets of optional inputs apart', () => {
    const one = (name: string) => fp32(name, [1, 1], [0]);
    const keyOf = (...names: string[]): string => admitted(optional, { inputs: names.map(one) }).batchKey;
    const keys = [keyOf('A'), keyOf('A', 'B'), keyOf('A', 'C'), keyOf('A', 'B', 'C')];
    expect(new Set(keys).size).toBe(4);
    expect(keyOf('C', 'A')).toBe(keyOf('A', 'C'));
  });

  it('ignores the shape of ragged inputs, which the model sees flattened', () => {
    const ragged = modelConfig({ inputs: [inputConfig('INPUT', 'FP32', [-1], { allowRaggedBatch: true })] });
    const result = admitted(ragged, { inputs: [fp32('INPUT', [1, 3], [1, 2, 3])] });
    expect(result.batchKey).toBe(admitted(ragged, { inputs: [fp32('INPUT', [1, 5], [1, 2, 3, 4, 5])] }).batchKey);
    expect(result.inputs[0].shape).toEqual([3]);
  });
});

describe('a reshaped input', () => {
  it('is checked against dims and given to the model in its own shape', () => {
    const config = modelConfig({ inputs: [inputConfig('INPUT', 'FP32', [1], { reshape: [] })] });
    expect(admitted(config, { inputs: [fp32('INPUT', [3, 1], [1, 2, 3])] }).inputs[0].shape).toEqual([3]);
    expect(refusal([fp32('INPUT', [3, 2], new Array(6).fill(0))], config)).toContain('Expected [-1,1], got [3,2]');
  });

  it('carries variable extents over in order', () => {
    const config = modelConfig({
      maxBatchSize: 0,
      inputs: [inputConfig('INPUT', 'FP32', [-1, 4, -1], { reshape: [2, -1, 2, -1] })],
    });
    const result = admitted(config, { inputs: [fp32('INPUT', [3, 4, 1], new Array(12).fill(0))] });
    expect(result.inputs[0].shape).toEqual([2, 3, 2, 1]);
  });

  it('of a scalar is shown as [1] to callers of a model that does not batch', () => {
    const config = modelConfig({ maxBatchSize: 0, inputs: [inputConfig('INPUT', 'FP32', [1])] });
    const signature = modelSignature([tensorSpec('INPUT', 'FP32', [])], [tensorSpec('OUTPUT', 'FP32', [1])]);
    expect(admitted(config, { inputs: [fp32('INPUT', [1], [7])] }, signature).inputs[0].shape).toEqual([]);
  });
});

describe('a value for all rows', () => {
  const config = modelConfig({
    maxBatchSize: 4,
    inputs: [inputConfig('X', 'FP32', [1]), inputConfig('T', 'FP32', [1], { reshape: [] })],
  });
  const signature = modelSignature(
    [tensorSpec('X', 'FP32', [-1, 1]), tensorSpec('T', 'FP32', [])],
    [tensorSpec('OUTPUT', 'FP32', [-1, 1])],
  );
  const admittedWith = (t: Tensor) => admitted(config, { inputs: [fp32('X', [2, 1], [1, 2]), t] }, signature);

  it('is given once per row, or once without a shape, and reaches the model as a scalar', () => {
    for (const t of [fp32('T', [2, 1], [7, 7]), fp32('T', [], [7])]) {
      const { inputs, rows } = admittedWith(t);
      expect(rows).toBe(2);
      expect(inputs[1]?.shape).toEqual([]);
      expect(inputs[1]?.data.length).toBe(4);
    }
  });

  it('lets only requests with the same value share a batch', () => {
    const keys = [fp32('T', [2, 1], [7, 7]), fp32('T', [], [7]), fp32('T', [], [8])].map(
      (t) => admittedWith(t).batchKey,
    );
    expect(keys[0]).toBe(keys[1]);
    expect(keys[2]).not.toBe(keys[0]);
  });

  it('is refused where the rows of one request differ', () => {
    expect(() => admittedWith(fp32('T', [2, 1], [7, 8]))).toThrow("input 'T' of model 'm' is one value for all rows");
  });
});

describe('an input in the shape that the model itself declares', () => {
  it('is taken as it is, batching or not', () => {
    const flat = modelConfig({ maxBatchSize: 8, inputs: [inputConfig('INPUT', 'FP32', [1], { reshape: [] })] });
    expect(admitted(flat, { inputs: [fp32('INPUT', [3], [1, 2, 3])] })).toMatchObject({
      rows: 3,
      inputs: [{ shape: [3] }],
    });
    const scalar = modelConfig({ maxBatchSize: 0, inputs: [inputConfig('INPUT', 'FP32', [1])] });
    const signature = modelSignature([tensorSpec('INPUT', 'FP32', [])], [tensorSpec('OUTPUT', 'FP32', [1])]);
    expect(admitted(scalar, { inputs: [fp32('INPUT', [], [7])] }, signature).inputs[0]?.shape).toEqual([]);
  });

  it('is refused where the configuration chose another one', () => {
    const config = modelConfig({ maxBatchSize: 8, inputs: [inputConfig('INPUT', 'FP32', [4], { reshape: [2, 2] })] });
    expect(() => admitted(config, { inputs: [fp32('INPUT', [1, 1, 4], [1, 2, 3, 4])] })).toThrow('unexpected shape');
    expect(() => admitted(config, { inputs: [fp32('INPUT', [1, 2, 2], [1, 2, 3, 4])] })).toThrow('unexpected shape');
  });
});

describe('a batch size that the server chose', () => {
  const config = modelConfig({
    maxBatchSize: 4,
    inputs: [inputConfig('INPUT', 'FP32', [-1])],
    batching: { isImplied: true, reason: '', isCurable: true, aloneReason: '' },
  });
  const request = (rows: number, width: number) => ({
    inputs: [tensor('INPUT', 'FP32', [rows, width], new Uint8Array(rows * width * 4))],
  });

  it('does not refuse more rows that are small together', () => {
    expect(admitted(config, request(1000, 30)).rows).toBe(1000);
  });

  it('refuses more rows that are large together, with the cure', () => {
    expect(() => admitted(config, request(5, 100_000))).toThrow(
      "inference request batch-size must be <= 4 for 'm', got 5, and more rows only with at most 1048576 bytes of inputs: " +
        "its max_batch_size is the server's default; set max_batch_size in the model's config.pbtxt",
    );
  });

  it('that was written is kept to', () => {
    const written = modelConfig({
      ...config,
      batching: { isImplied: false, reason: '', isCurable: true, aloneReason: '' },
    });
    expect(() => admitted(written, request(5, 1))).toThrow("must be <= 4 for 'm', got 5");
  });
});

describe('a request that does not fit is refused with the reason', () => {
  it.each([
    ['', '[request id: <id_unknown>] '],
    ['r 7', '[request id: r 7] '],
  ])('with its id %j in front', (id, prefix) => {
    expect(refusalOf(simple, { id, inputs: [] }).startsWith(prefix)).toBe(true);
  });

  it('when inputs are missing', () => {
    expect(refusal([good[1]])).toBe(
      "[request id: <id_unknown>] expected 2 inputs but got 1 inputs for model 'simple'. Got input(s) ['INPUT1'], but " +
        "missing required input(s) ['INPUT0']. Please provide all required input(s).",
    );
    expect(refusal([])).toContain("Got input(s) [], but missing required input(s) ['INPUT0','INPUT1'].");
  });

  it('when there are too many', () => {
    expect(refusal([...good, int32('X', [2, 16])])).toContain("expected 2 inputs but got 3 inputs for model 'simple'");
  });

  it('when required ones are missing beside optional ones', () => {
    const config = modelConfig({
      inputs: [inputConfig('A', 'FP32', [1]), inputConfig('B', 'FP32', [1], { isOptional: true })],
    });
    expect(refusal([], config)).toContain("expected number of inputs between 1 and 2 but got 0 inputs for model 'm'");
    expect(refusal([fp32('B', [1, 1], [0])], config)).toContain("missing required input(s) ['A']");
  });

  it('when a name is unknown, the prototype of objects included', () => {
    const text = "unexpected inference input 'X' for model 'simple'";
    expect(refusal([good[0], int32('X', [2, 16])])).toContain(text);
    expect(refusal([good[0], int32('__proto__', [2, 16])])).toContain("unexpected inference input '__proto__'");
    for (const name of ['Y', '', '__proto__']) {
      const outputs = [{ name, classificationCount: 0 }];
      const refused = refusalOf(simple, { inputs: good, outputs });
      expect(refused).toContain(`unexpected inference output '${name}' for model 'simple'`);
    }
  });

  it('when a name is repeated', () => {
    expect(refusal([good[0], good[0]])).toContain("input 'INPUT0' already exists in request");
    const output = { name: 'OUTPUT0', classificationCount: 0 };
    expect(refusalOf(simple, { inputs: good, outputs: [output, output] })).toContain(
      "output 'OUTPUT0' already exists in request",
    );
  });

  it('when the batch dimension is missing, differs, is empty or too large', () => {
    expect(refusal([int32('INPUT0', [], 4), good[1]])).toContain(
      "input 'INPUT0' has no shape but model requires batch dimension for 'simple'",
    );
    expect(refusal([good[0], int32('INPUT1', [3, 16])])).toContain(
      "input 'INPUT0' batch size does not match other inputs for 'simple'",
    );
    expect(refusal([int32('INPUT0', [9, 16]), int32('INPUT1', [9, 16])])).toContain(
      "inference request batch-size must be <= 8 for 'simple'",
    );
    expect(refusal([int32('INPUT0', [0, 16]), int32('INPUT1', [0, 16])])).toContain(
      "inference request batch-size must be >= 1 for 'simple'",
    );
  });

  it('when the datatype differs', () => {
    expect(refusal([tensor('INPUT0', 'FP32', [2, 16], new Uint8Array(128)), good[1]])).toContain(
      "inference input 'INPUT0' data-type is 'FP32', but model 'simple' expects 'INT32'",
    );
  });

  it.each([[[2, -1]], [[-1, 16]], [[2, Number.NaN]], [[1.5, 16]]])(
    'when an extent is open or no number: %j',
    (shape) => {
      expect(refusal([int32('INPUT0', shape, 128), int32('INPUT1', shape, 128)])).toMatch(
        /All input dimensions should be specified for input 'INPUT0' for model 'simple', got \[/,
      );
    },
  );

  it('when the shape differs, with a note on the batch dimension', () => {
    const text = refusal([int32('INPUT0', [1, 17]), int32('INPUT1', [1, 17])]);
    expect(text).toContain(
      "unexpected shape for input 'INPUT0' for model 'simple'. Expected [-1,16], got [1,17]. NOTE: ",
    );
    expect(text.endsWith('See the model configuration docs for more info on max_batch_size.')).toBe(true);
  });

  it('when the shape differs, without the note for a model that does not batch', () => {
    const config = modelConfig({ maxBatchSize: 0, inputs: [inputConfig('INPUT', 'FP32', [16])] });
    expect(refusal([fp32('INPUT', [17], [])], config)).toBe(
      "[request id: <id_unknown>] unexpected shape for input 'INPUT' for model 'm'. Expected [16], got [17].",
    );
  });

  it('when the bytes do not match the shape', () => {
    expect(refusal([int32('INPUT0', [2, 16], 124), good[1]])).toContain(
      "input byte size mismatch for input 'INPUT0' for model 'simple'. Expected 128, got 124",
    );
  });

  it.each([[[1, 2 ** 32, 2 ** 31]], [[1, 2 ** 53, 1]], [[1, 2 ** 51 + 1, 1]], [[1, 2 ** 60, 0]]])(
    'when the number of elements or bytes overflows: %j',
    (shape) => {
      const config = modelConfig({ inputs: [inputConfig('INPUT', 'FP32', [-1, -1])] });
      expect(refusal([tensor('INPUT', 'FP32', shape, new Uint8Array(64))], config)).toMatch(
        /exceed maximum size|byte size mismatch/,
      );
    },
  );

  it('when string elements are too few, too many, cut or overlong', () => {
    const model = "for inference input 'INPUT' for model 'm'";
    expect(refusal([bytesTensor('INPUT', [1, 2], ['a'])], bytesModel)).toContain(
      `expected 2 string elements ${model}, got 1`,
    );
    expect(refusal([bytesTensor('INPUT', [1, 1], ['a', 'b'])], bytesModel)).toContain(
      `unexpected number of string elements 2 ${model}, expecting 1`,
    );
    const { data } = bytesTensor('INPUT', [1, 1], ['abc']);
    const trailing = new Uint8Array([...hostBytes(data), 1, 0]);
    expect(refusal([tensor('INPUT', 'BYTES', [1, 1], trailing)], bytesModel)).toContain(
      `incomplete string length indicator ${model}, expecting 4 bytes but only 2 bytes available. Please make sure the ` +
        'string length indicator is in one buffer.',
    );
    expect(refusal([tensor('INPUT', 'BYTES', [1, 1], hostBytes(data).subarray(0, 5))], bytesModel)).toContain(
      `expected 1 string elements ${model}, got 0`,
    );
    const huge = new Uint8Array([255, 255, 255, 255, 1]);
    expect(refusal([tensor('INPUT', 'BYTES', [1, 1], huge)], bytesModel)).toContain('expected 1 string elements');
  });

  it('in a text of bounded length for any request', () => {
    const long = 'x'.repeat(100_000);
    expect(refusal([int32(long, [1]), good[1]]).length).toBeLessThan(2000);
    expect(refusal([int32('INPUT0', new Array(10_000).fill(1), 4), good[1]]).length).toBeLessThan(2000);
    const many = Array.from({ length: 5000 }, (_, i) => int32(`${long}${i}`, [1], 4));
    expect(refusal(many).length).toBeLessThan(12_000);
    expect(refusalOf(simple, { id: long, inputs: [] }).length).toBeLessThan(2000);
  });
});
