/**
 * A model that is a product of two matrices, y = x · w, and its known answer. All numbers are whole and small, so that every
 * device has to give the answer exactly, whatever it rounds to (TF32 keeps whole numbers up to 2048).
 */

import {
  dimensionFields,
  graphFields,
  modelFields,
  nodeFields,
  operatorSetFields,
  shapeFields,
  tensorFields,
  tensorTypeFields,
  typeFields,
  valueInfoFields,
} from './onnx-file/onnx-schema.ts';
import { bytesField, integerField, joined } from './onnx-file/wire-writer.ts';

const rows = 16;
const depth = 64;
const columns = 32;

export const productInputShape = [rows, depth] as const;

/** TensorProto.DataType of FP32. */
const float32 = 1;

const matrix = (height: number, width: number, value: (row: number, column: number) => number): Float32Array =>
  Float32Array.from({ length: height * width }, (_, i) => value(Math.floor(i / width), i % width));

const left = matrix(rows, depth, (row, k) => ((row * 7 + k * 3) % 17) - 8);
const right = matrix(depth, columns, (k, column) => ((k * 5 + column * 11) % 13) - 6);

/** x, row by row. */
export const productInput: Float32Array = left;

/** y, row by row: each element is a sum of 64 products of whole numbers. */
export const productAnswer: Float32Array = matrix(rows, columns, (row, column) => {
  let sum = 0;
  for (let k = 0; k < depth; k++) sum += (left[row * depth + k] as number) * (right[k * columns + column] as number);
  return sum;
});

const declaration = (name: string, dims: readonly number[]): Uint8Array => {
  const shape = dims.map((dim) => bytesField(shapeFields.dimensions, integerField(dimensionFields.value, dim)));
  const type = bytesField(
    typeFields.tensor,
    integerField(tensorTypeFields.elementType, float32),
    bytesField(tensorTypeFields.shape, ...shape),
  );
  return joined([bytesField(valueInfoFields.name, name), bytesField(valueInfoFields.type, type)]);
};

/** The file, as ONNX has it. */
export function productModel(): Uint8Array {
  const node = joined([
    bytesField(nodeFields.inputs, 'x'),
    bytesField(nodeFields.inputs, 'w'),
    bytesField(nodeFields.outputs, 'y'),
    bytesField(nodeFields.operator, 'MatMul'),
  ]);
  const weights = joined([
    integerField(tensorFields.dims, depth),
    integerField(tensorFields.dims, columns),
    integerField(tensorFields.elementType, float32),
    bytesField(tensorFields.name, 'w'),
    bytesField(tensorFields.rawData, new Uint8Array(right.buffer)),
  ]);
  const graph = [
    bytesField(graphFields.nodes, node),
    bytesField(graphFields.name, 'product'),
    bytesField(graphFields.initializers, weights),
    bytesField(graphFields.inputs, declaration('x', productInputShape)),
    bytesField(graphFields.outputs, declaration('y', [rows, columns])),
  ];
  return joined([
    integerField(modelFields.irVersion, 8),
    bytesField(modelFields.graph, ...graph),
    bytesField(modelFields.operatorSets, integerField(operatorSetFields.version, 13)),
  ]);
}
