/**
 * Errors for requests that do not fit their model: Triton's sentences, because clients match parts of
 * them, each prefixed with the id of the request. Nothing is decided here.
 */

import { type InferenceError, invalidArgument } from '../../errors.ts';
import { requestPrefix } from '../../inference/request-prefix.ts';
import { shownText } from '../../shown-text.ts';
import { shapeText } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { AdmissionPlan, InputPlan } from './plan.ts';

/** Lists come from outside and end up in headers, so longer ones are truncated, as names are. */
const maxListed = 32;

const refused = (id: string, text: string): InferenceError => invalidArgument(requestPrefix(id) + text);

const listed = (names: readonly string[]): string => {
  const shown = names.slice(0, maxListed).map((name) => `'${shownText(name)}'`);
  return `[${shown.join(',')}${names.length > maxListed ? ',…' : ''}]`;
};

const batchNote =
  'NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each ' +
  'input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting ' +
  'max_batch_size to zero. See the model configuration docs for more info on max_batch_size.';

type Plan = AdmissionPlan;

export const refusal = {
  /** Without the id of the request, as in Triton. */
  unknownInput: (plan: Plan, name: string) =>
    invalidArgument(
      `unexpected inference input '${shownText(name)}' for model '${plan.modelName}', which has ` +
        listed(plan.inputs.map((input) => input.name)),
    ),

  unknownOutput: (plan: Plan, id: string, name: string) =>
    refused(id, `unexpected inference output '${shownText(name)}' for model '${plan.modelName}'`),

  repeatedInput: (id: string, name: string) => refused(id, `input '${shownText(name)}' already exists in request`),

  repeatedOutput: (id: string, name: string) => refused(id, `output '${shownText(name)}' already exists in request`),

  inputCount(plan: Plan, id: string, tensors: readonly Tensor[]): InferenceError {
    const names = tensors.map((tensor) => tensor.name);
    // Only names of the model: very long ones of equal length have equal hashes.
    const present = new Set(names.filter((name) => plan.inputsByName.has(name)));
    const missing = plan.inputs.filter((input) => !input.isOptional && !present.has(input.name));
    const most = plan.inputs.length;
    const expected =
      plan.requiredCount === most
        ? `expected ${most} inputs`
        : `expected number of inputs between ${plan.requiredCount} and ${most}`;
    return refused(
      id,
      `${expected} but got ${tensors.length} inputs for model '${plan.modelName}'. Got input(s) ${listed(names)}, but ` +
        `missing required input(s) ${listed(missing.map((input) => input.name))}. Please provide all required input(s).`,
    );
  },

  noBatchDimension: (plan: Plan, id: string, name: string) =>
    refused(id, `input '${name}' has no shape but model requires batch dimension for '${plan.modelName}'`),

  batchDiffers: (plan: Plan, id: string, name: string) =>
    refused(id, `input '${name}' batch size does not match other inputs for '${plan.modelName}'`),

  batchTooLarge: (plan: Plan, id: string, rows: number) =>
    refused(
      id,
      `inference request batch-size must be <= ${plan.maxRows} for '${plan.modelName}', got ${rows}` +
        (plan.maxOversizeBytes === 0
          ? ''
          : `, and more rows only with at most ${plan.maxOversizeBytes} bytes of inputs: its max_batch_size is the ` +
            "server's default; set max_batch_size in the model's config.pbtxt, or start the server with " +
            '--backend-config=onnxruntime,default-max-batch-size=N'),
    ),

  sharedDiffers: (plan: Plan, id: string, name: string) =>
    refused(
      id,
      `input '${name}' of model '${plan.modelName}' is one value for all rows, but the rows of the request have ` +
        'different ones: send rows with different values as requests of their own',
    ),

  batchEmpty: (plan: Plan, id: string) =>
    refused(id, `inference request batch-size must be >= 1 for '${plan.modelName}', got 0`),

  datatype: (plan: Plan, id: string, input: InputPlan, tensor: Tensor) =>
    refused(
      id,
      `inference input '${input.name}' data-type is '${tensor.datatype}', but model '${plan.modelName}' expects ` +
        `'${input.datatype}'`,
    ),

  openDimension: (plan: Plan, id: string, tensor: Tensor) =>
    refused(
      id,
      `All input dimensions should be specified for input '${tensor.name}' for model '${plan.modelName}', got ` +
        shapeText(tensor.shape),
    ),

  shape(plan: Plan, id: string, input: InputPlan, tensor: Tensor): InferenceError {
    const expected = plan.maxRows === 0 ? input.dims : [-1, ...input.dims];
    return refused(
      id,
      `unexpected shape for input '${input.name}' for model '${plan.modelName}'. Expected ${shapeText(expected)}, got ` +
        `${shapeText(tensor.shape)}. ${plan.maxRows === 0 ? '' : batchNote}`.trimEnd(),
    );
  },

  elementOverflow: (plan: Plan, id: string, tensor: Tensor) =>
    refused(
      id,
      `invalid shape for input '${tensor.name}' for model '${plan.modelName}': shape ${shapeText(tensor.shape)} causes ` +
        `total element count to exceed maximum size of ${Number.MAX_SAFE_INTEGER}`,
    ),

  byteSize: (plan: Plan, id: string, tensor: Tensor, expected: number) =>
    refused(
      id,
      `input byte size mismatch for input '${tensor.name}' for model '${plan.modelName}'. Expected ${expected}, got ` +
        `${tensor.data.length}`,
    ),

  tooFewElements: (plan: Plan, id: string, name: string, expected: number, found: number) =>
    refused(
      id,
      `expected ${expected} string elements for inference input '${name}' for model '${plan.modelName}', got ${found}`,
    ),

  tooManyElements: (plan: Plan, id: string, name: string, expected: number, found: number) =>
    refused(
      id,
      `unexpected number of string elements ${found} for inference input '${name}' for model '${plan.modelName}', ` +
        `expecting ${expected}`,
    ),

  cutPrefix: (plan: Plan, id: string, name: string, leftBytes: number) =>
    refused(
      id,
      `incomplete string length indicator for inference input '${name}' for model '${plan.modelName}', expecting 4 ` +
        `bytes but only ${leftBytes} bytes available. Please make sure the string length indicator is in one buffer.`,
    ),
} satisfies Record<string, (...given: never[]) => InferenceError>;
