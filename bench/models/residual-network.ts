/**
 * A convolution network of residual bottlenecks as ResNet-50 is one (He et al. 2015, table 1), with batch normalisation
 * folded into the convolutions' biases and random weights: its answers have no meaning, its cost is the same.
 */

import { elem, model, node, tensorType, valueInfo } from '../../test/models/onnx-writer.ts';
import { inputName, outputName } from '../load/infer-case.ts';
import { GrowingGraph } from './growing-graph.ts';
import type { Precision } from './weight-pool.ts';

export interface ResidualNetworkSize {
  /** Width and height of the image. */
  readonly side: number;
  /** Blocks of each of the four stages. */
  readonly blocks: readonly number[];
  /** Channels of the first stage, which its blocks widen by four; every later stage has twice as many. */
  readonly width: number;
  readonly classes: number;
}

export const resNet50: ResidualNetworkSize = { side: 224, blocks: [3, 4, 6, 3], width: 64, classes: 1000 };

/** The datatype of images; UINT8 is cast and scaled in the model. */
export type ImageDatatype = 'UINT8' | 'FP16' | 'FP32';

const imageElements: Record<ImageDatatype, number> = { UINT8: elem.uint8, FP16: elem.float16, FP32: elem.float };
const expansion = 4;
const imageChannels = 3;
/**
 * The last convolution of a block adds little to the residual path; otherwise fifty layers would leave FP16's range.
 */
const branchGain = 0.3;
/** A Relu removes half of the variance. */
const reluGain = Math.SQRT2;

/** Padded so that only the stride makes the image smaller. */
function convolution(
  graph: GrowingGraph,
  input: string,
  [from, to]: readonly [number, number],
  { kernel, stride = 1, gain = 1 }: { readonly kernel: number; readonly stride?: number; readonly gain?: number },
): string {
  const dims = [to, from, kernel, kernel];
  const weight = graph.constant((name, weights) => weights.weight(name, dims, from * kernel * kernel, gain));
  const bias = graph.constant((name, weights) => weights.spread(name, [to], 0.1));
  const pad = (kernel - 1) / 2;
  return graph.add('Conv', [input, weight, bias], {
    kernel_shape: { ints: [kernel, kernel] },
    strides: { ints: [stride, stride] },
    pads: { ints: [pad, pad, pad, pad] },
  });
}

/** A bottleneck: 1x1 narrows, 3x3 with the stride, 1x1 widens, added to the residual path. */
function block(graph: GrowingGraph, input: string, from: number, width: number, stride: number): string {
  const to = width * expansion;
  const narrow = convolution(graph, input, [from, width], { kernel: 1, gain: reluGain });
  const seen = convolution(graph, graph.add('Relu', [narrow]), [width, width], { kernel: 3, stride, gain: reluGain });
  const widened = convolution(graph, graph.add('Relu', [seen]), [width, to], { kernel: 1, gain: branchGain });
  const past = from === to && stride === 1 ? input : convolution(graph, input, [from, to], { kernel: 1, stride });
  return graph.add('Relu', [graph.add('Add', [widened, past])]);
}

/** INPUT [batch, 3, side, side] → OUTPUT FP32 [batch, classes]. */
export function residualNetwork(size: ResidualNetworkSize, precision: Precision, image: ImageDatatype): Uint8Array {
  const graph = new GrowingGraph(precision, 50);
  let last = inputName;
  if (image !== precision) last = graph.add('Cast', [last], { to: { int: graph.weights.elementType } });
  if (image === 'UINT8') {
    const scale = graph.constant((name, weights) => weights.constant(name, [1], 1 / 128));
    const shift = graph.constant((name, weights) => weights.constant(name, [1], -1));
    last = graph.add('Add', [graph.add('Mul', [last, scale]), shift]);
  }
  const stem = convolution(graph, last, [imageChannels, size.width], { kernel: 7, stride: 2, gain: reluGain });
  last = graph.add('MaxPool', [graph.add('Relu', [stem])], {
    kernel_shape: { ints: [3, 3] },
    strides: { ints: [2, 2] },
    pads: { ints: [1, 1, 1, 1] },
  });
  let channels = size.width;
  for (const [stage, blocks] of size.blocks.entries()) {
    const width = size.width * 2 ** stage;
    for (let i = 0; i < blocks; i += 1) {
      last = block(graph, last, channels, width, stage > 0 && i === 0 ? 2 : 1);
      channels = width * expansion;
    }
  }
  const features = graph.add('Flatten', [graph.add('GlobalAveragePool', [last])]);
  const weight = graph.constant((name, weights) => weights.weight(name, [size.classes, channels], channels));
  const bias = graph.constant((name, weights) => weights.spread(name, [size.classes], 0.1));
  const classified = graph.add('Gemm', [features, weight, bias], { transB: { int: 1 } });
  const { side, classes } = size;
  return model({
    nodes: [...graph.nodes, node('Cast', [classified], [outputName], { to: { int: elem.float } })],
    initializers: graph.initializers,
    inputs: [valueInfo(inputName, tensorType(imageElements[image], ['batch', imageChannels, side, side]))],
    outputs: [valueInfo(outputName, tensorType(elem.float, ['batch', classes]))],
  });
}
