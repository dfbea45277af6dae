/** A model whose batch takes as long as its input says; for tests of ending early and of leaving. */

import { elem, graph, initializer, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';

const scalar = tensorType(elem.float, []);

/** (n, x) → y = x doubled n times, in a Loop: takes as long as the value of n says. */
export const loopModel = (): Uint8Array =>
  model({
    nodes: [
      node('Loop', ['n', 'go', 'x'], ['y'], {
        body: {
          graph: graph({
            name: 'body',
            nodes: [node('Identity', ['c'], ['c_out']), node('Add', ['v', 'v'], ['w'])],
            inputs: [
              valueInfo('i', tensorType(elem.int64, [])),
              valueInfo('c', tensorType(elem.bool, [])),
              valueInfo('v', scalar),
            ],
            outputs: [valueInfo('c_out', tensorType(elem.bool, [])), valueInfo('w', scalar)],
          }),
        },
      }),
    ],
    inputs: [valueInfo('n', tensorType(elem.int64, [])), valueInfo('x', scalar)],
    outputs: [valueInfo('y', scalar)],
    initializers: [initializer('go', elem.bool, [], Uint8Array.of(1))],
  });
