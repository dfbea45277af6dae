/**
 * The models of `gpu`: of the size that GPUs are bought for, and for a machine without one, where everything is only tried,
 * of the same kind and small.
 */

import { fp32Bytes, type InputDatatype } from '../load/infer-case.ts';
import type { BareDevice } from '../process/bare-loop.ts';
import { computeModel, computeOutputElements, computeRow, computeRowShape } from './compute-model.ts';
import { bertBase, type EncoderSize, encoder } from './encoder.ts';
import { type ImageDatatype, type ResidualNetworkSize, resNet50, residualNetwork } from './residual-network.ts';
import { seededNumbers } from './seeded-numbers.ts';
import { tinyCases, tinyModel } from './tiny-model.ts';
import { halfBytes, type Precision } from './weight-pool.ts';

export interface GpuModel {
  readonly name: string;
  readonly datatype: InputDatatype;
  readonly rowShape: readonly number[];
  readonly outputElements: number;
  /** Some rows of input that differ. */
  readonly rows: readonly Uint8Array[];
  /** Makes the model's file, of up to 400 MB. */
  onnx(): Uint8Array;
}

const rowCount = 8;
const rowsOf = (make: (seed: number) => Uint8Array): Uint8Array[] =>
  Array.from({ length: rowCount }, (_, i) => make(i));

const smallNetwork: ResidualNetworkSize = { side: 32, blocks: [1, 1, 1, 1], width: 8, classes: 10 };
const smallEncoder: EncoderSize = { layers: 2, hidden: 32, heads: 2, tokens: 16, vocabulary: 64 };

function imageRow(datatype: ImageDatatype, elements: number, seed: number): Uint8Array {
  // Of different brightness: nothing else of random pixels reaches the end of a network of convolutions.
  const numbers = seededNumbers(700 + seed)(elements, (seed + 1) / rowCount);
  if (datatype === 'FP32') return fp32Bytes(numbers);
  return datatype === 'FP16' ? halfBytes(numbers) : Uint8Array.from(numbers, (value) => (value + 1) * 127.5);
}

function images(name: string, size: ResidualNetworkSize, precision: Precision, datatype: ImageDatatype): GpuModel {
  const rowShape = [3, size.side, size.side];
  return {
    name,
    datatype,
    rowShape,
    outputElements: size.classes,
    rows: rowsOf((seed) => imageRow(datatype, 3 * size.side * size.side, seed)),
    onnx: () => residualNetwork(size, precision, datatype),
  };
}

function texts(name: string, size: EncoderSize, precision: Precision): GpuModel {
  const ids = (seed: number): Uint8Array => {
    const numbers = seededNumbers(800 + seed)(size.tokens, 0.5);
    const tokens = BigInt64Array.from(numbers, (value) => BigInt(Math.floor((value + 0.5) * size.vocabulary)));
    return new Uint8Array(tokens.buffer);
  };
  return {
    name,
    datatype: 'INT64',
    rowShape: [size.tokens],
    outputElements: size.hidden,
    rows: rowsOf(ids),
    onnx: () => encoder(size, precision),
  };
}

const smallConvolutions: GpuModel = {
  name: 'cnn_fp32',
  datatype: 'FP32',
  rowShape: computeRowShape,
  outputElements: computeOutputElements,
  rows: rowsOf((seed) => fp32Bytes(computeRow(seed))),
  onnx: () => computeModel.onnx,
};

const tiny: GpuModel = {
  name: 'tiny_fp32',
  datatype: 'FP32',
  rowShape: [16],
  outputElements: 16,
  rows: tinyCases.map(({ input }) => input),
  onnx: () => tinyModel.onnx,
};

/** `isShort` leaves out those that differ from another only in being slower. */
export function gpuModels(device: BareDevice, isShort: boolean): GpuModel[] {
  const network = device === 'cuda' ? resNet50 : smallNetwork;
  const text = device === 'cuda' ? bertBase : smallEncoder;
  return [
    images('resnet50_fp16_uint8', network, 'FP16', 'UINT8'),
    images('resnet50_fp16', network, 'FP16', 'FP16'),
    texts('bert_fp16', text, 'FP16'),
    smallConvolutions,
    tiny,
    ...(isShort ? [] : [images('resnet50_fp32', network, 'FP32', 'FP32'), texts('bert_fp32', text, 'FP32')]),
  ];
}
