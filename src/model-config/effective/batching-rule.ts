/**
 * Decides by the declarations of a model file whether the rows of the model are independent. Triton asks only for
 * symbolic first dimensions; that includes models whose rows depend on each other (a sequence first, a square matrix, a
 * count that depends on the data), which then answer wrongly or not at all. Here a model without configuration batches
 * only when its declarations do not contradict that. A configuration with `max_batch_size` overrules all but Triton's
 * condition.
 */

import { quoted } from '../../shown-text.ts';
import type { ModelSignature, TensorSpec } from '../signature.ts';

/** `reason` is a sentence about the model when it does not batch, '' otherwise. */
interface BatchingVerdict {
  readonly batches: boolean;
  readonly reason: string;
}

const verdict = (reason: string | null): BatchingVerdict => ({ batches: reason === null, reason: reason ?? '' });

/** Triton's condition: every required input and every output has a symbolic first dimension. */
export function canBatch(signature: ModelSignature): BatchingVerdict {
  const inputs = signature.inputs.filter((input) => !input.isOptional);
  if (inputs.length === 0) return verdict('it has no inputs to take rows from');
  if (signature.outputs.length === 0) return verdict('it has no outputs');
  const fixed = [...inputs, ...signature.outputs].find((tensor) => tensor.shape?.[0] !== -1);
  return verdict(fixed === undefined ? null : `the first dimension of ${quoted(fixed.name)} is not symbolic`);
}

/**
 * `canBatch`, and the names of the dimensions agree that the first one is the batch:
 * - inputs whose first dimension is named have the same name there, but for a number that counts (`batch_1`);
 * - outputs with a named first dimension have that name;
 * - the name is used for no other dimension, nor is that of another input's first dimension;
 * - it does not say that the dimension is time, space or a graph, and no later dimension is called the batch.
 *
 * Dimensions without a name, and generated names, are ignored.
 */
export function shouldBatch(signature: ModelSignature): BatchingVerdict {
  const possible = canBatch(signature);
  if (!possible.batches) return possible;
  const disputed = signature.outputs.find((output) => output.isShapeDisputed);
  if (disputed !== undefined) {
    return verdict(`output ${quoted(disputed.name)} is not made with the shape that the file declares`);
  }
  const inputs = signature.inputs.filter((input) => !input.isOptional);
  return verdict(namesObjection(inputs, signature.outputs));
}

function namesObjection(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): string | null {
  let batch: TensorSpec | null = null;
  for (const input of inputs) {
    const name = spokenName(input, 0);
    if (name === '') continue;
    if (notBatchName.test(name)) return `the first dimension of input ${quoted(input.name)} is called ${quoted(name)}`;
    if (batch === null) batch = input;
    else if (!sameButForCount(spokenName(batch, 0), name)) {
      return `inputs ${quoted(batch.name)} and ${quoted(input.name)} have different first dimensions (${quoted(spokenName(batch, 0))}, ${quoted(name)})`;
    }
  }
  const name = batch === null ? '' : spokenName(batch, 0);
  for (const output of outputs) {
    const own = output.dimNames[0] ?? '';
    if (madeUpName.test(own))
      return `the first dimension of output ${quoted(output.name)} is made by an operator (${quoted(own)})`;
    const spoken = spokenName(output, 0);
    if (spoken === '') continue;
    if (notBatchName.test(spoken))
      return `the first dimension of output ${quoted(output.name)} is called ${quoted(spoken)}`;
    if (name !== '' && !sameButForCount(spoken, name)) {
      return `output ${quoted(output.name)} has another first dimension (${quoted(spoken)}) than the inputs (${quoted(name)})`;
    }
  }
  return laterObjection([...inputs, ...outputs], name, new Set(inputs.map((input) => spokenName(input, 0))));
}

/** @param rows the names of the first dimensions of all inputs */
function laterObjection(tensors: readonly TensorSpec[], batch: string, rows: ReadonlySet<string>): string | null {
  for (const tensor of tensors) {
    for (let i = 1; i < tensor.dimNames.length; i++) {
      const name = spokenName(tensor, i);
      if (name === '') continue;
      if (rows.has(name)) return `dimension ${quoted(name)} is also dimension ${i} of ${quoted(tensor.name)}`;
      if (batchName.test(name) && !batchName.test(batch))
        return `dimension ${i} of ${quoted(tensor.name)} is called ${quoted(name)}`;
    }
  }
  return null;
}

/** Whether two names are the same, or only a number at the end tells them apart: exporters make names different so. */
const sameButForCount = (one: string, other: string): boolean =>
  one.replace(counter, '') === other.replace(counter, '');

const counter = /[_.-]+\d+$/;

/** The name of a symbolic dimension if a person chose it, '' for a generated one. */
function spokenName(tensor: TensorSpec, index: number): string {
  if (tensor.shape?.[index] !== -1) return '';
  const name = tensor.dimNames[index] ?? '';
  return generatedName.test(name) ? '' : name;
}

/**
 * Names that exporters generate for dimensions: unk__12 (tf2onnx, onnx), DynamicDimension.3 (Paddle),
 * Gemmoutput_dim_0, x_dynamic_axes_1, var_0, s77 (PyTorch), Gemm_o0__d0 (ONNX Runtime), x_dim0, x_axis_0, axis_2,
 * dynamic_dim, dim_param_0, anonymous_1, sym_1, ax0, unk_1__23, __unknown__0, ?.
 * Two of them that differ may well be the same extent.
 */
const generatedName =
  /^_*((unk(_\d+)?|unknown|unnamed|anonymous|none|dynamic|dyn|free|flexible|((unknown|unnamed|anonymous|symbolic|dynamic|dyn|free|flexible)_?)?(ax|axis|axes|dim|dimension|shape|size)|dim_?param|var|sym|symbol|symbolic|s|d|arg|input|output|tensor|x|y)?[_.-]*\d*|(p2o\.)?DynamicDimension\.\d+|.*_dim_?\d+|.*_ax[ie]s_?\d+|.*_dynamic_ax[ie]s|.*_o\d+__d\d+|\?|-1)$/i;

/**
 * Exporters name a dimension that an operator creates after the operator. With these operators the extent depends on
 * the data or comes from another dimension, so a batch could be cut in the wrong way. Operators that make a multiple of
 * the rows (Reshape, Concat, …) are detected with the first batch, whose requests then run one by one. `u0` is
 * torch.export's name for an extent that depends on the data.
 */
const madeUpName =
  /^u\d+$|(NonZero|NonMaxSuppression|Unique|Compress|Transpose|Range|TopK|RoiAlign|Loop|Scan).*(_dim_|__d)\d+$/i;

const batchName = /batch|^n$|^bs$|^b$/i;

const notBatchName =
  /seq|time|token|len(gth)?$|^len|height|width|^h$|^w$|^t$|^l$|frame|node|edge|vertex|vertices|point|channel|vocab|^num_(?!(batch|row|sample|example|instance|image)).*/i;
