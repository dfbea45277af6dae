import { describe, expect, it } from 'vitest';
import { canBatch, shouldBatch } from '../../../src/model-config/effective/batching-rule.ts';
import type { TensorSpec } from '../../../src/model-config/signature.ts';
import { signature, tensor } from '../signatures.ts';

const verdict = (inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]) =>
  shouldBatch(signature(inputs, outputs));

describe('whether a model batches by itself', () => {
  it.each<[string, readonly TensorSpec[], readonly TensorSpec[]]>([
    ['one name everywhere', [tensor('x', ['batch', 3, 'h', 'w'])], [tensor('y', ['batch', 10])]],
    ['no names at all, as scikit-learn exports', [tensor('x', ['', 4])], [tensor('label', ['']), tensor('p', ['', 3])]],
    ['numbered names, as tf2onnx exports', [tensor('x', ['unk__749', 8])], [tensor('y', ['unk__750', 8])]],
    [
      'numbered names, as Paddle exports',
      [tensor('x', ['p2o.DynamicDimension.0', 3])],
      [tensor('y', ['p2o.DynamicDimension.9', 'p2o.DynamicDimension.0'])],
    ],
    ['an operator that keeps rows, as PyTorch exports', [tensor('x', ['N', 4])], [tensor('y', ['Gemmy_dim_0', 4])]],
    ['symbols of torch.export', [tensor('x', ['s0', 's1'])], [tensor('y', ['s0', 2])]],
    ['different symbols of torch.export', [tensor('a', ['s0', 4]), tensor('b', ['s77', 4])], [tensor('y', ['s0', 4])]],
    ['axes that are counted', [tensor('x', ['x_axis_0', 4])], [tensor('y', ['y_axis_0', 4])]],
    ['parameters that are counted', [tensor('x', ['dim_param_0', 4])], [tensor('y', ['dim_param_1', 4])]],
    ['names that say nothing', [tensor('x', ['dynamic_dim', 4])], [tensor('y', ['anonymous_1', 4])]],
    ['shapes that are counted', [tensor('x', ['shape_0', 4])], [tensor('y', ['unknown_shape_1', 4])]],
    ['the list form of dynamic_axes', [tensor('x', ['x_dynamic_axes_1', 4])], [tensor('y', ['y_dynamic_axes_1', 4])]],
    ['one name for all that is open', [tensor('x', ['dynamic_axes', 4])], [tensor('y', ['dynamic_axes', 4])]],
    ['numbered variables', [tensor('x', ['var_0', 4])], [tensor('y', ['var_1', 4])]],
    ['one name that is counted', [tensor('x', ['batch', 4])], [tensor('y', ['batch_1', 4])]],
    [
      'one name that is counted for two inputs',
      [tensor('a', ['rows_0', 4]), tensor('b', ['rows_1', 4])],
      [tensor('y', ['rows_2'])],
    ],
    ['unknown dimensions in other words', [tensor('x', ['__unknown__0', 4])], [tensor('y', ['unk_2__24', 'ax1'])]],
    ['dimensions counted with a dot', [tensor('x', ['TensorDim.0', 4])], [tensor('y', ['TensorDim.1', 4])]],
    ['numbered axes', [tensor('x', ['x_dim0', 'axis_3'])], [tensor('y', ['sym_1', 4])]],
    ['a name on one side only', [tensor('x', ['batch_size', 4])], [tensor('y', ['Addy_dim_0', 4])]],
    [
      'an output reshaped to its rows, as PyTorch exports',
      [tensor('x', ['N', 4])],
      [tensor('y', ['Reshapey_dim_0', 2])],
    ],
    [
      'a sequence in second place',
      [tensor('ids', ['batch', 'sequence'])],
      [tensor('y', ['batch', 'sequence', 50]), tensor('z', ['batch', 50])],
    ],
    [
      'an optional input with a fixed shape',
      [tensor('x', ['N', 4]), tensor('w', [4, 4], 'FP32', true)],
      [tensor('y', ['N', 4])],
    ],
    ['rank 1', [tensor('text', [''], 'BYTES')], [tensor('y', ['', 9])]],
  ])('says yes to %s', (_, inputs, outputs) => {
    expect(verdict(inputs, outputs)).toEqual({ batches: true, reason: '' });
  });

  it.each<[string, readonly TensorSpec[], readonly TensorSpec[], string]>([
    [
      'a fixed first dimension',
      [tensor('x', [1, 4])],
      [tensor('y', ['', 4])],
      "first dimension of 'x' is not symbolic",
    ],
    [
      'a fixed first dimension of an output',
      [tensor('x', ['', 4])],
      [tensor('y', [4])],
      "first dimension of 'y' is not symbolic",
    ],
    ['a scalar', [tensor('x', ['', 4]), tensor('sr', [], 'INT64')], [tensor('y', ['', 4])], "'sr'"],
    ['an unknown rank', [tensor('x', ['', 4])], [tensor('y', null)], "'y'"],
    ['no inputs', [], [tensor('y', [''])], 'no inputs'],
    ['only optional inputs', [tensor('x', [''], 'FP32', true)], [tensor('y', [''])], 'no inputs'],
    ['no outputs', [tensor('x', [''])], [], 'no outputs'],
    [
      'inputs with different names',
      [tensor('a', ['M', 4]), tensor('b', ['N', 4])],
      [tensor('y', ['M', 'N'])],
      "inputs 'a' and 'b'",
    ],
    [
      'an output with a name of its own',
      [tensor('x', ['N', 4])],
      [tensor('y', ['K', 2], 'INT64')],
      "('K') than the inputs ('N')",
    ],
    [
      'an output counted by the data',
      [tensor('x', ['N', 4])],
      [tensor('y', ['NonZeroy_dim_0', 2])],
      'made by an operator',
    ],
    [
      'an output whose dimensions were moved',
      [tensor('x', ['N', 4])],
      [tensor('y', ['Transposey_dim_0', 2])],
      'made by an operator',
    ],
    [
      'an output that is not made as it is declared',
      [tensor('x', ['N', 4])],
      [{ ...tensor('y', ['N', 4]), isShapeDisputed: true }],
      "'y' is not made with the shape",
    ],
    ['an unbacked symbol of torch.export', [tensor('x', ['s0', 4])], [tensor('y', ['u0', 2])], 'made by an operator'],
    ['a square matrix', [tensor('x', ['N', 'N'])], [tensor('y', ['N', 4])], "'N' is also dimension 1"],
    [
      'a table of the rows of two inputs, which are counted',
      [tensor('a', ['n_1', 4]), tensor('b', ['n_2', 4])],
      [tensor('y', ['n_1', 'n_2'])],
      "'n_2' is also dimension 1 of 'y'",
    ],
    [
      'names that end with a number',
      [tensor('x', ['N1', 4])],
      [tensor('y', ['N2', 4])],
      "('N2') than the inputs ('N1')",
    ],
    ['time first', [tensor('x', ['seq_len', 'batch', 8])], [tensor('y', ['seq_len', 'batch', 8])], "called 'seq_len'"],
    [
      'a length without a batch',
      [tensor('x', ['audio_length'])],
      [tensor('y', ['audio_length'])],
      "called 'audio_length'",
    ],
    ['graph nodes', [tensor('x', ['num_nodes', 16])], [tensor('y', ['num_nodes', 2])], "called 'num_nodes'"],
    [
      'a batch in second place',
      [tensor('x', ['', 'batch', 8])],
      [tensor('y', ['', 'batch', 8])],
      "dimension 1 of 'x' is called 'batch'",
    ],
  ])('says no to %s', (_, inputs, outputs, reason) => {
    expect(verdict(inputs, outputs)).toMatchObject({ batches: false, reason: expect.stringContaining(reason) });
  });

  it('leaves the decision to the configuration when only names contradict', () => {
    const model = signature([tensor('x', ['N', 'N'])], [tensor('y', ['K', 4])]);
    expect(canBatch(model).batches).toBe(true);
    expect(shouldBatch(model).batches).toBe(false);
  });
});
