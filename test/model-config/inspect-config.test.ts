import { describe, expect, it } from 'vitest';

import { faultsWithoutModel } from '../../src/model-config/inspect-config.ts';

const settings = { autoComplete: true, defaultMaxBatchSize: 4, gpuOrdinals: [], gpuProblem: null };
const faults = (text: string): readonly string[] =>
  faultsWithoutModel({
    modelName: 'm',
    source: { kind: 'file', path: '/models/m/config.pbtxt', text },
    settings,
  });

const tensors = `
  input [ { name: "A" data_type: TYPE_FP32 dims: [2] } ]
  output [ { name: "X" data_type: TYPE_FP32 dims: [2] } ]`;

describe('the faults of a configuration whose model file is missing', () => {
  it('are none that only follow from a negative batch size', () => {
    expect(faults(`max_batch_size: -4 ${tensors}`)).toEqual([
      "config.pbtxt:1:1: 'max_batch_size' must be non-negative value for m",
    ]);
  });

  it('call the model by the name of its folder where the configuration has another, however long', () => {
    const found = faults(`name: "${'x'.repeat(100_000)}" max_batch_size: -4 ${tensors}`);
    expect(found).toEqual([
      expect.stringMatching(/unexpected directory name 'm' for model 'x{256}…', directory name must equal model name$/),
      expect.stringMatching(/'max_batch_size' must be non-negative value for m$/),
    ]);
  });

  it('are none that only follow from a tensor given twice', () => {
    expect(faults(`${tensors} input { name: "A" data_type: TYPE_FP32 dims: [3, 4] }`)).toEqual([
      expect.stringContaining("model input 'A' is specified more than once for m"),
    ]);
  });

  it.each([0, 4, -1])('are those of every tensor, with max_batch_size %i', (size) => {
    const text = 'input { name: "A" data_type: TYPE_FP32 dims: [0] } output { name: "X" dims: [-2] }';
    const own = size < 0 ? [expect.stringContaining("'max_batch_size' must be non-negative")] : [];
    expect(faults(`max_batch_size: ${size} ${text}`)).toEqual([
      ...own,
      expect.stringContaining("model input 'A' dimension must be integer >= 1"),
      expect.stringContaining("model output 'X' must specify 'data_type'"),
      expect.stringContaining("model output 'X' dimension must be integer >= 1"),
    ]);
  });
});
