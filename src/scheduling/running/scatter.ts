/**
 * Cuts the outputs of a batch into what each request asked for. Rows are contiguous, so a request's part is a view,
 * never a copy; BYTES are walked element by element to find where a request's rows begin.
 */

import type { EngineOutput, EngineResult } from '../../engine/engine.ts';
import { type InferenceError, internal } from '../../errors.ts';
import type { OutputTensor } from '../../inference/response.ts';
import type { ModelConfig } from '../../model-config/model-config.ts';
import type { ModelSignature, TensorSpec } from '../../model-config/signature.ts';
import { quoted } from '../../shown-text.ts';
import { skipBytesElements } from '../../tensor/bytes-elements.ts';
import type { Datatype } from '../../tensor/datatype.ts';
import { elementCount, type Shape, shapeText } from '../../tensor/shape.ts';
import { hostBytes, type TensorBytes } from '../../tensor/tensor-bytes.ts';
import type { AdmittedOutput } from '../admission/admitted-request.ts';
import { isScalarShownAsOne } from '../admission/plan.ts';
import type { QueuedRequest } from '../queue/queued-request.ts';
import { shownShape } from '../admission/reshape.ts';

interface OutputPlan {
  readonly name: string;
  readonly datatype: Datatype;
  readonly labels: readonly string[];
  /** Null, or the pattern that the model emits, shown to callers as `dims`. */
  readonly modelDims: Shape | null;
  readonly dims: Shape;
}

/** An output as a run made it. */
export interface MadeShape {
  readonly index: number;
  readonly shape: Shape;
}

export interface ScatterPlan {
  readonly modelName: string;
  readonly isBatched: boolean;
  /** By index in the signature's outputs; undefined where the configuration leaves one out. */
  readonly outputs: readonly (OutputPlan | undefined)[];
}

/** @param labels class labels from label files, by output name; the model's own are used where there are none */
export function compileScatter(
  config: ModelConfig,
  signature: ModelSignature,
  labels: ReadonlyMap<string, readonly string[]>,
): ScatterPlan {
  const isBatched = config.maxBatchSize > 0;
  const planOf = (spec: TensorSpec): OutputPlan | undefined => {
    const output = config.outputs.find((candidate) => candidate.name === spec.name);
    if (output === undefined) return undefined;
    const { name, datatype, dims, reshape } = output;
    const modelDims = reshape ?? (isScalarShownAsOne(dims, spec, isBatched) ? [] : null);
    return { name, datatype, labels: labels.get(name) ?? spec.labels, modelDims, dims };
  };
  return { modelName: config.name, isBatched, outputs: signature.outputs.map(planOf) };
}

/**
 * The fault in the outputs of a run; null when they can be cut. Shapes are not compared with the signature: neither the
 * model nor the runtime is bound by declared output shapes.
 */
export function outputFault(plan: ScatterPlan, result: EngineResult, outputCount: number): InferenceError | null {
  if (result.outputs.length !== outputCount) {
    return internal(
      `model '${plan.modelName}' was asked for ${outputCount} outputs, but the engine returned ${result.outputs.length}`,
    );
  }
  for (const { index, datatype } of result.outputs) {
    const output = plan.outputs[index];
    if (output === undefined)
      return internal(`model '${plan.modelName}' answered with an output that nobody asked for`);
    if (datatype !== output.datatype) {
      return internal(
        `output ${quoted(output.name)} of model '${plan.modelName}' is configured as ${output.datatype}, but the model ` +
          `returned ${datatype}`,
      );
    }
  }
  return null;
}

/** The fault of an output whose dimension 0 is not the batch's; null when all are cut by rows. */
export function rowsFault(plan: ScatterPlan, outputs: readonly MadeShape[], rows: number): InferenceError | null {
  if (!plan.isBatched) return null;
  for (const { index, shape } of outputs) {
    if (shape[0] === rows) continue;
    const name = plan.outputs[index]?.name ?? '';
    return internal(
      `output ${quoted(name)} of model '${plan.modelName}' must have the batch's ${rows} rows as its first dimension, but ` +
        `got shape ${shapeText(shape)}`,
    );
  }
  return null;
}

/**
 * The outputs of one batch on their way to its requests. Valid as long as the result; the caller has checked for both
 * faults.
 */
export class Scatter {
  readonly #plan: ScatterPlan;
  readonly #cuts: (OutputCut | undefined)[];

  constructor(plan: ScatterPlan, result: EngineResult, requests: readonly QueuedRequest[], rows: number) {
    this.#plan = plan;
    this.#cuts = new Array(plan.outputs.length);
    for (const output of result.outputs) {
      this.#cuts[output.index] = new OutputCut(plan, output, requests, rows);
    }
  }

  /**
   * @param position of the request in the batch
   * @param firstRow rows of all requests before it
   */
  outputsFor(request: QueuedRequest, position: number, firstRow: number): OutputTensor[] {
    const wanted = request.request.outputs;
    const outputs = new Array<OutputTensor>(wanted.length);
    for (let i = 0; i < wanted.length; i++) {
      outputs[i] = this.#cut(wanted[i] as AdmittedOutput, request.rows, position, firstRow);
    }
    return outputs;
  }

  #cut(wanted: AdmittedOutput, rows: number, position: number, firstRow: number): OutputTensor {
    const { name, datatype, labels } = this.#plan.outputs[wanted.index] as OutputPlan;
    const cut = this.#cuts[wanted.index] as OutputCut;
    return {
      name,
      datatype,
      shape: cut.shapeOf(rows),
      data: cut.bytesOf(rows, position, firstRow),
      labels,
      classificationCount: wanted.classificationCount,
    };
  }
}

/** How one output is cut. Shapes are made once per row count, because most requests of a batch have the same. */
class OutputCut {
  readonly #data: TensorBytes;
  /** The whole batch's shape as callers see it. */
  readonly #shape: Shape;
  readonly #isWhole: boolean;
  readonly #rowBytes: number;
  /** BYTES: the offset of each request's elements, and the end. */
  readonly #starts: readonly number[] | null;
  #shapeRows = -1;
  #rowsShape: Shape = [];

  constructor(plan: ScatterPlan, output: EngineOutput, requests: readonly QueuedRequest[], rows: number) {
    const { dims, modelDims } = plan.outputs[output.index] as OutputPlan;
    const { data, shape } = output;
    this.#shape = modelDims === null ? shape : shownShape(shape, plan.isBatched ? 1 : 0, modelDims, dims);
    this.#isWhole = requests.length === 1;
    this.#data = this.#isWhole ? data : hostBytes(data);
    this.#rowBytes = data.length / rows;
    this.#starts = this.#isWhole || output.datatype !== 'BYTES' ? null : startsOf(hostBytes(data), shape, requests);
  }

  shapeOf(rows: number): Shape {
    if (this.#isWhole) return this.#shape;
    if (rows !== this.#shapeRows) {
      const shape = this.#shape.slice();
      shape[0] = rows;
      this.#shapeRows = rows;
      this.#rowsShape = shape;
    }
    return this.#rowsShape;
  }

  bytesOf(rows: number, position: number, firstRow: number): TensorBytes {
    if (this.#isWhole) return this.#data;
    const data = this.#data as Uint8Array;
    const starts = this.#starts;
    if (starts !== null) return data.subarray(starts[position], starts[position + 1]);
    const from = firstRow * this.#rowBytes;
    return data.subarray(from, from + rows * this.#rowBytes);
  }
}

function startsOf(data: Uint8Array, shape: Shape, requests: readonly QueuedRequest[]): readonly number[] {
  const elementsPerRow = elementCount(shape.slice(1)) ?? 0;
  const starts = [0];
  let at = 0;
  for (const request of requests) {
    at = skipBytesElements(data, at, request.rows * elementsPerRow);
    starts.push(at);
  }
  return starts;
}
