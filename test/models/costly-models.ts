/** Models whose one small row of zeros costs much time or memory; for tests of the automatic warm-up. */

import {
  elem,
  graph,
  initializer,
  int64s,
  model,
  type NodeBytes,
  node,
  tensorType,
  type ValueInfoBytes,
  valueInfo,
} from './onnx-writer.ts';

/**
 * FP32 x [batch, 4] → y [batch, 1], one configuration-free batching model around some nodes from `x` to `z` [batch, n].
 */
function rows(nodes: readonly NodeBytes[], initializers: Parameters<typeof model>[0]['initializers'] = []): Uint8Array {
  return model({
    nodes: [...nodes, node('ReduceMax', ['z'], ['y'], { axes: { ints: [1] }, keepdims: { int: 1 } })],
    inputs: [valueInfo('x', tensorType(elem.float, ['batch', 4]))],
    outputs: [valueInfo('y', tensorType(elem.float, ['batch', 1]))],
    initializers: initializers ?? [],
  });
}

/** A body of a Loop that carries `v` to `w`, and goes on while the sum of `w` stays below 10: for zeros, for ever. */
function loop(body: readonly NodeBytes[], carried: ValueInfoBytes, result: ValueInfoBytes): NodeBytes {
  return node('Loop', ['', 'go', 'x'], ['z'], {
    body: {
      graph: graph({
        name: 'body',
        nodes: [
          ...body,
          node('ReduceSum', ['w'], ['sum'], { keepdims: { int: 0 } }),
          node('Less', ['sum', 'ten'], ['c_out']),
        ],
        inputs: [valueInfo('i', tensorType(elem.int64, [])), valueInfo('c', tensorType(elem.bool, [])), carried],
        outputs: [valueInfo('c_out', tensorType(elem.bool, [])), result],
      }),
    },
  });
}

const go = initializer('go', elem.bool, [], Uint8Array.of(1));
const ten = initializer('ten', elem.float, [], new Uint8Array(Float32Array.of(10).buffer));
const open = (name: string): ValueInfoBytes => valueInfo(name, tensorType(elem.float, ['batch', null]));

/** Doubles x until its sum reaches 10. */
export const endlessLoop = (): Uint8Array =>
  rows([loop([node('Add', ['v', 'v'], ['w'])], open('v'), open('w'))], [go, ten]);

/** Appends a megabyte of zeros to v with each turn. */
export const growingLoop = (): Uint8Array => {
  const body = [node('Pad', ['v', 'pads'], ['w'])];
  return rows(
    [loop(body, open('v'), open('w'))],
    [go, ten, initializer('pads', elem.int64, [4], int64s([0, 0, 0, 262_144]))],
  );
};

/** Doubles the length of v with each turn. */
export const doublingLoop = (): Uint8Array => {
  const body = [node('Concat', ['v', 'v'], ['w'], { axis: { int: 1 } })];
  return rows([loop(body, open('v'), open('w'))], [go, ten]);
};

/** One row of four numbers makes `columns` numbers on its way to one, with some such tensors alive at once. */
export const wideInside = (columns: number): Uint8Array =>
  rows(
    [
      node('ReduceSum', ['x', 'last'], ['s'], { keepdims: { int: 1 } }),
      node('Tile', ['s', 'times'], ['wide']),
      node('Exp', ['wide'], ['e']),
      node('Add', ['e', 'wide'], ['z']),
    ],
    [initializer('last', elem.int64, [1], int64s([1])), initializer('times', elem.int64, [2], int64s([1, columns]))],
  );

/** Makes as many numbers as the exponential of its input says: `columns` of them for zeros, in one operator. */
export const expandedByValue = (columns: number): Uint8Array =>
  rows(
    [
      node('Exp', ['x'], ['one']),
      node('ReduceMin', ['one'], ['least'], { keepdims: { int: 0 } }),
      node('Cast', ['least'], ['factor'], { to: { int: elem.int64 } }),
      node('Mul', ['factor', 'shape'], ['wanted']),
      node('ConstantOfShape', ['wanted'], ['filler']),
      node('ReduceSum', ['x', 'last'], ['s'], { keepdims: { int: 1 } }),
      node('Add', ['s', 'filler'], ['z']),
    ],
    [initializer('shape', elem.int64, [2], int64s([1, columns])), initializer('last', elem.int64, [1], int64s([1]))],
  );

/**
 * INT64 x [1] → y: `most` - x boxes are compared with each other in one operator, which cannot be ended: for zeros many
 * seconds where `most` is 200,000, and no time where x is nearly `most`. y [x's boxes] has one number for each.
 */
export const endlessOperator = (most: number): Uint8Array =>
  model({
    nodes: [
      node('Sub', ['most', 'x'], ['count']),
      node('Concat', ['one', 'count', 'four'], ['boxes_shape'], { axis: { int: 0 } }),
      node('Concat', ['one', 'one', 'count'], ['scores_shape'], { axis: { int: 0 } }),
      node('ConstantOfShape', ['boxes_shape'], ['boxes']),
      node('ConstantOfShape', ['scores_shape'], ['scores']),
      node('NonMaxSuppression', ['boxes', 'scores', 'most', 'threshold'], ['kept']),
      node('Cast', ['kept'], ['y'], { to: { int: elem.float } }),
    ],
    inputs: [valueInfo('x', tensorType(elem.int64, [1]))],
    outputs: [valueInfo('y', tensorType(elem.float, ['kept', 3]))],
    initializers: [
      initializer('one', elem.int64, [1], int64s([1])),
      initializer('four', elem.int64, [1], int64s([4])),
      initializer('most', elem.int64, [1], int64s([most])),
      initializer('threshold', elem.float, [1], new Uint8Array(Float32Array.of(1).buffer)),
    ],
  });
