/** A model that gives back what it gets, of any length, and large requests to it. */

import { elem, model, node, tensorType, valueInfo } from '../../test/models/onnx-writer.ts';
import { fp32Bytes, inputName, outputName } from '../load/infer-case.ts';
import type { NeighbourPlan } from '../load/neighbour.ts';
import type { ServedModel } from './model-folder.ts';
import { seededNumbers } from './seeded-numbers.ts';

export const echoModel: ServedModel = {
  name: 'echo',
  onnx: model({
    nodes: [node('Identity', [inputName], [outputName])],
    inputs: [valueInfo(inputName, tensorType(elem.float, ['n']))],
    outputs: [valueInfo(outputName, tensorType(elem.float, ['n']))],
    initializers: [],
  }),
  config: 'max_batch_size: 0\ninstance_group [ { count: 1 kind: KIND_CPU } ]\n',
};

const path = `/v2/models/${echoModel.name}/infer`;

/** `elements` floats as JSON in and out. */
export function jsonInfer(port: number, clients: number, elements: number): NeighbourPlan {
  const data = [...seededNumbers(900)(elements, 1)].map((value) => Number(value.toPrecision(7)));
  const inputs = [{ name: inputName, datatype: 'FP32', shape: [elements], data }];
  const body = Buffer.from(JSON.stringify({ inputs }));
  const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
  return { port, clients, method: 'POST', path, headers, body };
}

/** `elements` floats as bytes in and out. */
export function rawInfer(port: number, clients: number, elements: number): NeighbourPlan {
  const tensor = fp32Bytes(seededNumbers(901)(elements, 1));
  const parameters = { binary_data_size: tensor.byteLength };
  const inputs = [{ name: inputName, datatype: 'FP32', shape: [elements], parameters }];
  const outputs = [{ name: outputName, parameters: { binary_data: true } }];
  const json = Buffer.from(JSON.stringify({ inputs, outputs }));
  const body = Buffer.concat([json, tensor]);
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Content-Length': body.length,
    'Inference-Header-Content-Length': json.length,
  };
  return { port, clients, method: 'POST', path, headers, body };
}
