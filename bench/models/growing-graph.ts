/** A graph that is written from its input to its output: names for its tensors, and weights from one pool. */

import { type AttributeValue, type NodeBytes, node, type TensorBytes } from '../../test/models/onnx-writer.ts';
import { type Precision, WeightPool } from './weight-pool.ts';

export class GrowingGraph {
  readonly nodes: NodeBytes[] = [];
  readonly initializers: TensorBytes[] = [];
  readonly weights: WeightPool;
  #made = 0;

  constructor(precision: Precision, seed: number) {
    this.weights = new WeightPool(precision, seed);
  }

  /** Adds a node of one output, and returns the output's name. */
  add(op: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    const output = this.#fresh();
    this.nodes.push(node(op, inputs, [output], attributes));
    return output;
  }

  /** Adds a constant, and returns its name. */
  constant(make: (name: string, weights: WeightPool) => TensorBytes): string {
    const name = this.#fresh();
    this.initializers.push(make(name, this.weights));
    return name;
  }

  #fresh(): string {
    this.#made += 1;
    return `t${this.#made}`;
  }
}
