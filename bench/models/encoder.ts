/**
 * A transformer's encoder as BERT-base is one (Devlin et al. 2018) with random weights: its answers have no meaning,
 * its cost is the same. Sequences have one length and no mask.
 */

import { elem, initializer, int64s, model, node, tensorType, valueInfo } from '../../test/models/onnx-writer.ts';
import { inputName, outputName } from '../load/infer-case.ts';
import { GrowingGraph } from './growing-graph.ts';
import type { Precision } from './weight-pool.ts';

export interface EncoderSize {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly tokens: number;
  readonly vocabulary: number;
}

/** Its vocabulary is a quarter of BERT's: looking a token up costs the same in a smaller table. */
export const bertBase: EncoderSize = { layers: 12, hidden: 768, heads: 12, tokens: 128, vocabulary: 8192 };

/** How much wider the inner layer of the feed-forward part is. */
const innerFactor = 4;

const int64Constant = (graph: GrowingGraph, values: readonly number[]): string =>
  graph.constant((name) => initializer(name, elem.int64, [values.length], int64s(values)));

function dense(graph: GrowingGraph, input: string, from: number, to: number): string {
  const weight = graph.constant((name, weights) => weights.weight(name, [from, to], from));
  const bias = graph.constant((name, weights) => weights.spread(name, [to], 0.02));
  return graph.add('Add', [graph.add('MatMul', [input, weight]), bias]);
}

function normalised(graph: GrowingGraph, input: string, hidden: number): string {
  const scale = graph.constant((name, weights) => weights.constant(name, [hidden], 1));
  const bias = graph.constant((name, weights) => weights.spread(name, [hidden], 0.02));
  return graph.add('LayerNormalization', [input, scale, bias], { axis: { int: -1 }, epsilon: { float: 1e-5 } });
}

/** x/2 · (1 + erf(x/√2)), in the operators that exporters write it in. */
function gelu(graph: GrowingGraph, input: string): string {
  const scalar = (value: number): string => graph.constant((name, weights) => weights.constant(name, [], value));
  const error = graph.add('Erf', [graph.add('Div', [input, scalar(Math.SQRT2)])]);
  const doubled = graph.add('Mul', [input, graph.add('Add', [error, scalar(1)])]);
  return graph.add('Mul', [doubled, scalar(0.5)]);
}

function attention(graph: GrowingGraph, input: string, { hidden, heads }: EncoderSize): string {
  const width = hidden / heads;
  const split = int64Constant(graph, [0, 0, heads, width]);
  const headsFirst = (perm: readonly number[]): string =>
    graph.add('Transpose', [graph.add('Reshape', [dense(graph, input, hidden, hidden), split])], {
      perm: { ints: perm },
    });
  const queries = headsFirst([0, 2, 1, 3]);
  const keys = headsFirst([0, 2, 3, 1]);
  const values = headsFirst([0, 2, 1, 3]);
  const root = graph.constant((name, weights) => weights.constant(name, [], Math.sqrt(width)));
  const scores = graph.add('Div', [graph.add('MatMul', [queries, keys]), root]);
  const seen = graph.add('MatMul', [graph.add('Softmax', [scores], { axis: { int: -1 } }), values]);
  const joined = graph.add('Transpose', [seen], { perm: { ints: [0, 2, 1, 3] } });
  return dense(graph, graph.add('Reshape', [joined, int64Constant(graph, [0, 0, hidden])]), hidden, hidden);
}

function layer(graph: GrowingGraph, input: string, size: EncoderSize): string {
  const { hidden } = size;
  const inner = hidden * innerFactor;
  const attended = normalised(graph, graph.add('Add', [attention(graph, input, size), input]), hidden);
  const fed = dense(graph, gelu(graph, dense(graph, attended, hidden, inner)), inner, hidden);
  return normalised(graph, graph.add('Add', [fed, attended]), hidden);
}

/**
 * INPUT INT64 [batch, tokens], each below `vocabulary` → OUTPUT FP32 [batch, hidden]: the first token, pooled as BERT
 * does.
 */
export function encoder(size: EncoderSize, precision: Precision): Uint8Array {
  const graph = new GrowingGraph(precision, 60);
  const { hidden, tokens, vocabulary } = size;
  const words = graph.constant((name, weights) => weights.spread(name, [vocabulary, hidden], 1));
  const places = graph.constant((name, weights) => weights.spread(name, [tokens, hidden], 0.1));
  let last = graph.add('Add', [graph.add('Gather', [words, inputName]), places]);
  last = normalised(graph, last, hidden);
  for (let i = 0; i < size.layers; i += 1) last = layer(graph, last, size);
  const zero = graph.constant((name) => initializer(name, elem.int64, [], int64s([0])));
  const first = graph.add('Gather', [last, zero], { axis: { int: 1 } });
  const pooled = graph.add('Tanh', [dense(graph, first, hidden, hidden)]);
  return model({
    nodes: [...graph.nodes, node('Cast', [pooled], [outputName], { to: { int: elem.float } })],
    initializers: graph.initializers,
    inputs: [valueInfo(inputName, tensorType(elem.int64, ['batch', tokens]))],
    outputs: [valueInfo(outputName, tensorType(elem.float, ['batch', hidden]))],
  });
}
