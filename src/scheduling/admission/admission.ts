/**
 * Checks a request against its model and makes it ready for a scheduler. Frontends have checked that the bytes are well
 * formed; admission checks that they fit the model. Nothing is checked later. Texts are Triton's,
 * made in `errors.ts`.
 */

import type { InferenceRequest, RequestedOutput } from '../../inference/request.ts';
import { countBytesElements } from '../../tensor/bytes-elements.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { hostBytes } from '../../tensor/tensor-bytes.ts';
import type { AdmittedInput, AdmittedOutput, AdmittedRequest } from './admitted-request.ts';
import { refusal } from './errors.ts';
import type { AdmissionPlan, InputPlan } from './plan.ts';
import { reshaped } from './reshape.ts';

/**
 * Admits a request. A batch of zero rows is refused: models with a batch dimension are free to divide by it. Zero
 * extents elsewhere are legal.
 *
 * @throws InferenceError invalid_argument, its text prefixed by `[request id: …] `
 */
export function admit(plan: AdmissionPlan, request: InferenceRequest): AdmittedRequest {
  const outputs = request.outputs.length === 0 ? plan.allOutputs : admitOutputs(plan, request);
  const tensors = tensorsInPlanOrder(plan, request);
  const rows = plan.maxRows === 0 ? 1 : rowsOf(plan, request, tensors);
  // With its final length: an array that grows by `push` allocates room for 17 elements.
  const inputs = new Array<AdmittedInput>(tensors.length);
  let count = 0;
  let batchKey = '';
  for (let i = 0; i < tensors.length; i++) {
    const tensor = tensors[i];
    if (tensor === undefined) continue;
    const input = plan.inputs[i] as InputPlan;
    if (tensor.datatype !== input.datatype) throw refusal.datatype(plan, request.id, input, tensor);
    checkShape(plan, request, input, tensor);
    const elements = checkBytes(plan, request, input, tensor, rows);
    if (input.isShared) {
      const value = sharedValue(plan, request, input, tensor, elements);
      batchKey += `${input.isOptional ? `#${input.position}` : ''}=${value.toString('latin1')};`;
      inputs[count++] = { index: input.index, shape: [], data: value };
      continue;
    }
    if (plan.hasVariety) batchKey += keyPart(input, tensor.shape);
    inputs[count++] = {
      index: input.index,
      shape: modelShape(plan, input, tensor.shape, elements),
      data: tensor.data,
    };
  }
  if (count < inputs.length) inputs.length = count;
  return {
    id: request.id,
    inputs,
    outputs,
    rows,
    batchKey,
    priority: request.priority,
    timeoutUs: request.timeoutUs,
  };
}

function admitOutputs(plan: AdmissionPlan, request: InferenceRequest): readonly AdmittedOutput[] {
  if (areAllOutputs(plan, request.outputs)) return plan.allOutputs;
  const outputs: AdmittedOutput[] = [];
  for (const { name, classificationCount } of request.outputs) {
    const known = plan.outputsByName.get(name);
    if (known === undefined) throw refusal.unknownOutput(plan, request.id, name);
    outputs.push(classificationCount === 0 ? known : { index: known.index, name, classificationCount });
  }
  outputs.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (let i = 1; i < outputs.length; i++) {
    const name = (outputs[i] as AdmittedOutput).name;
    if (name === (outputs[i - 1] as AdmittedOutput).name) throw refusal.repeatedOutput(request.id, name);
  }
  return outputs;
}

/** The usual case: every output, as it is and in order. */
function areAllOutputs({ allOutputs }: AdmissionPlan, wanted: readonly RequestedOutput[]): boolean {
  if (wanted.length !== allOutputs.length) return false;
  for (let i = 0; i < wanted.length; i++) {
    const { name, classificationCount } = wanted[i] as RequestedOutput;
    if (classificationCount !== 0 || name !== (allOutputs[i] as AdmittedOutput).name) return false;
  }
  return true;
}

/** The request's tensors by place in the plan; undefined where an optional one was left out. */
function tensorsInPlanOrder(plan: AdmissionPlan, request: InferenceRequest): readonly (Tensor | undefined)[] {
  const given = request.inputs;
  if (isInPlanOrder(plan, given)) return given;
  const tensors = new Array<Tensor | undefined>(plan.inputs.length).fill(undefined);
  let firstUnknown: Tensor | null = null;
  for (const tensor of given) {
    const input = plan.inputsByName.get(tensor.name);
    if (input === undefined) {
      firstUnknown ??= tensor;
    } else {
      if (tensors[input.position] !== undefined) throw refusal.repeatedInput(request.id, tensor.name);
      tensors[input.position] = tensor;
    }
  }
  if (given.length > plan.inputs.length || given.length < plan.requiredCount) {
    throw refusal.inputCount(plan, request.id, given);
  }
  if (firstUnknown !== null) throw refusal.unknownInput(plan, firstUnknown.name);
  for (let i = 0; i < tensors.length; i++) {
    if (tensors[i] === undefined && !(plan.inputs[i] as InputPlan).isOptional) {
      throw refusal.inputCount(plan, request.id, given);
    }
  }
  return tensors;
}

/** The usual case, seen without building anything: every input there, in the order of the model. */
function isInPlanOrder(plan: AdmissionPlan, given: readonly Tensor[]): boolean {
  if (given.length !== plan.inputs.length) return false;
  for (let i = 0; i < given.length; i++) {
    if ((given[i] as Tensor).name !== (plan.inputs[i] as InputPlan).name) return false;
  }
  return true;
}

function rowsOf(plan: AdmissionPlan, request: InferenceRequest, tensors: readonly (Tensor | undefined)[]): number {
  let rows = -1;
  let first = '';
  for (let i = 0; i < tensors.length; i++) {
    const tensor = tensors[i];
    if (tensor === undefined) continue;
    if (tensor.shape.length === 0 && plan.inputs[i]?.isShared) continue;
    if (tensor.shape.length === 0) throw refusal.noBatchDimension(plan, request.id, tensor.name);
    const extent = tensor.shape[0] as number;
    if (!(extent >= 0 && Number.isSafeInteger(extent))) throw refusal.openDimension(plan, request.id, tensor);
    if (rows === -1) {
      rows = extent;
      first = tensor.name;
    } else if (extent !== rows) throw refusal.batchDiffers(plan, request.id, first);
  }
  if (rows > plan.maxRows && totalBytes(tensors) > plan.maxOversizeBytes) {
    throw refusal.batchTooLarge(plan, request.id, rows);
  }
  if (rows === 0) throw refusal.batchEmpty(plan, request.id);
  return rows === -1 ? 1 : rows;
}

function totalBytes(tensors: readonly (Tensor | undefined)[]): number {
  let bytes = 0;
  for (const tensor of tensors) bytes += tensor?.data.length ?? 0;
  return bytes;
}

/** The bytes of the value that all rows share. `elements`: how many times the request contains it. */
function sharedValue(
  plan: AdmissionPlan,
  request: InferenceRequest,
  input: InputPlan,
  tensor: Tensor,
  elements: number,
): Buffer {
  const data = hostBytes(tensor.data);
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const size = bytes.length / elements;
  const value = bytes.subarray(0, size);
  for (let at = size; at < bytes.length; at += size) {
    if (value.compare(bytes, at, at + size) !== 0) throw refusal.sharedDiffers(plan, request.id, input.name);
  }
  return value;
}

function checkShape(plan: AdmissionPlan, request: InferenceRequest, input: InputPlan, tensor: Tensor): void {
  const start = plan.maxRows === 0 ? 0 : 1;
  const { shape } = tensor;
  const { dims } = input;
  let fits = input.isAnyShape || shape.length === dims.length + start;
  for (let i = start; i < shape.length; i++) {
    const extent = shape[i] as number;
    if (!(extent >= 0)) throw refusal.openDimension(plan, request.id, tensor);
    const wanted = dims[i - start];
    if (wanted !== -1 && wanted !== extent && !input.isAnyShape) fits = false;
  }
  if (!fits && !isModelShape(input, shape, start)) throw refusal.shape(plan, request.id, input, tensor);
}

/**
 * One element per row (`[N]`), or a scalar (`[]`), as the model itself declares it: shown to callers as `[N,1]` and
 * `[1]`, but unambiguous.
 */
function isModelShape({ modelDims, isRagged, isShared }: InputPlan, shape: Shape, start: number): boolean {
  if (modelDims === null || modelDims.length > 0 || isRagged) return false;
  return shape.length === (isShared ? 0 : start);
}

/** Compares the bytes with the shape and returns the number of elements. */
function checkBytes(
  plan: AdmissionPlan,
  request: InferenceRequest,
  input: InputPlan,
  tensor: Tensor,
  rows: number,
): number {
  const isCounted = input.fixedElements < 0 || tensor.shape.length === 0;
  const count = isCounted ? elementCount(tensor.shape) : input.fixedElements * rows;
  const { elementBytes } = input;
  if (count === null || !Number.isSafeInteger(count * (elementBytes === 0 ? 1 : elementBytes))) {
    throw refusal.elementOverflow(plan, request.id, tensor);
  }
  if (elementBytes !== 0) {
    const expected = count * elementBytes;
    if (tensor.data.length !== expected) throw refusal.byteSize(plan, request.id, tensor, expected);
    return count;
  }
  const found = countBytesElements(hostBytes(tensor.data), count);
  if (found.count > count) throw refusal.tooManyElements(plan, request.id, input.name, count, found.count);
  if (found.fault === 'prefix') throw refusal.cutPrefix(plan, request.id, input.name, found.leftBytes);
  if (found.fault === 'length' || found.count < count) {
    throw refusal.tooFewElements(plan, request.id, input.name, count, found.count);
  }
  return count;
}

/** The index of the input, and the extents in which requests may differ. */
function keyPart(input: InputPlan, shape: Shape): string {
  let part = input.isOptional ? `#${input.position}` : '';
  if (input.fixedElements >= 0 || input.isRagged) return part;
  for (let i = 1; i < shape.length; i++) part += `,${shape[i]}`;
  return `${part};`;
}

function modelShape(plan: AdmissionPlan, input: InputPlan, shape: Shape, count: number): Shape {
  if (input.isRagged) return [count];
  if (input.modelDims === null) return shape;
  return reshaped(shape, plan.maxRows === 0 ? 0 : 1, input.dims, input.modelDims) ?? shape;
}
