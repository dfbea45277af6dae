/**
 * The part of the ONNX schema (onnx.proto of the ONNX project, IR version 3 and later) that is read: declared inputs
 * and outputs, operator sets, the names of nodes, and every place where a tensor may point to a file.
 * Field numbers are those of the specification.
 */

import type { FieldRule, MessageRule } from './wire-message.ts';

const text: FieldRule = { kind: 'text' };
const integer: FieldRule = { kind: 'integer' };
const decimal: FieldRule = { kind: 'decimal' };
const kept = (rule: () => MessageRule): FieldRule => ({ kind: 'message', rule, kept: true, single: false });
const keptOnce = (rule: () => MessageRule): FieldRule => ({ kind: 'message', rule, kept: true, single: true });
const visited = (rule: () => MessageRule): FieldRule => ({ kind: 'message', rule, kept: false, single: false });
const visitedOnce = (rule: () => MessageRule): FieldRule => ({ kind: 'message', rule, kept: false, single: true });

const messageRule = (name: string, fields: Readonly<Record<number, FieldRule>>): MessageRule => ({
  name,
  fields: new Map(Object.entries(fields).map(([field, rule]) => [Number(field), rule])),
});

export const keyValueFields = { key: 1, value: 2 } as const;
const keyValueRule = messageRule('StringStringEntryProto', {
  [keyValueFields.key]: text,
  [keyValueFields.value]: text,
});

export const tensorFields = {
  dims: 1,
  elementType: 2,
  name: 8,
  rawData: 9,
  externalData: 13,
  dataLocation: 14,
} as const;
export const tensorRule = messageRule('TensorProto', {
  [tensorFields.dims]: integer,
  [tensorFields.elementType]: integer,
  [tensorFields.name]: text,
  [tensorFields.rawData]: { kind: 'place' },
  [tensorFields.externalData]: kept(() => keyValueRule),
  [tensorFields.dataLocation]: integer,
});

/** `values` carry the name of a sparse initialiser. */
export const sparseTensorFields = { values: 1, indices: 2 } as const;
export const sparseTensorRule = messageRule('SparseTensorProto', {
  [sparseTensorFields.values]: visitedOnce(() => tensorRule),
  [sparseTensorFields.indices]: visitedOnce(() => tensorRule),
});

export const dimensionFields = { value: 1, parameter: 2 } as const;
const dimensionRule = messageRule('Dimension', { [dimensionFields.value]: integer, [dimensionFields.parameter]: text });
export const shapeFields = { dimensions: 1 } as const;
const shapeRule = messageRule('TensorShapeProto', { [shapeFields.dimensions]: kept(() => dimensionRule) });
export const tensorTypeFields = { elementType: 1, shape: 2 } as const;
const tensorTypeRule = messageRule('TypeProto.Tensor', {
  [tensorTypeFields.elementType]: integer,
  [tensorTypeFields.shape]: keptOnce(() => shapeRule),
});
/** Kinds whose content is not read. */
const otherTypeRule = messageRule('TypeProto', {});
export const typeFields = { tensor: 1, sequence: 4, map: 5, opaque: 7, sparseTensor: 8, optional: 9 } as const;
const typeRule = messageRule('TypeProto', {
  [typeFields.tensor]: kept(() => tensorTypeRule),
  [typeFields.sequence]: kept(() => otherTypeRule),
  [typeFields.map]: kept(() => otherTypeRule),
  [typeFields.opaque]: kept(() => otherTypeRule),
  [typeFields.sparseTensor]: kept(() => otherTypeRule),
  [typeFields.optional]: kept(() => otherTypeRule),
});
export const valueInfoFields = { name: 1, type: 2 } as const;
export const valueInfoRule = messageRule('ValueInfoProto', {
  [valueInfoFields.name]: text,
  [valueInfoFields.type]: keptOnce(() => typeRule),
});

export const attributeFields = { name: 1, ints: 8, strings: 9 } as const;
const attributeRule = messageRule('AttributeProto', {
  5: visitedOnce(() => tensorRule),
  6: visitedOnce(() => graphRule),
  10: visited(() => tensorRule),
  11: visited(() => graphRule),
  22: visitedOnce(() => sparseTensorRule),
  23: visited(() => sparseTensorRule),
});
export const nodeFields = { inputs: 1, outputs: 2, name: 3, operator: 4, attributes: 5, domain: 7 } as const;
export const nodeRule = messageRule('NodeProto', {
  [nodeFields.inputs]: text,
  [nodeFields.outputs]: text,
  [nodeFields.name]: text,
  [nodeFields.operator]: text,
  [nodeFields.attributes]: visited(() => attributeRule),
  [nodeFields.domain]: text,
});

export const graphFields = {
  nodes: 1,
  name: 2,
  initializers: 5,
  inputs: 11,
  outputs: 12,
  values: 13,
  sparseInitializers: 15,
} as const;
export const graphRule: MessageRule = messageRule('GraphProto', {
  [graphFields.nodes]: visited(() => nodeRule),
  [graphFields.initializers]: visited(() => tensorRule),
  [graphFields.inputs]: visited(() => valueInfoRule),
  [graphFields.outputs]: visited(() => valueInfoRule),
  [graphFields.values]: visited(() => valueInfoRule),
  [graphFields.sparseInitializers]: visited(() => sparseTensorRule),
});

export const operatorSetFields = { domain: 1, version: 2 } as const;
const operatorSetRule = messageRule('OperatorSetIdProto', {
  [operatorSetFields.domain]: text,
  [operatorSetFields.version]: integer,
});
const functionRule = messageRule('FunctionProto', {
  7: visited(() => nodeRule),
  11: visited(() => attributeRule),
});
const trainingRule = messageRule('TrainingInfoProto', {
  1: visitedOnce(() => graphRule),
  2: visitedOnce(() => graphRule),
});
const metadataRule = messageRule('StringStringEntryProto', {});

export const modelFields = {
  irVersion: 1,
  producerName: 2,
  producerVersion: 3,
  graph: 7,
  operatorSets: 8,
  metadata: 14,
} as const;
export const modelRule = messageRule('ModelProto', {
  [modelFields.irVersion]: integer,
  [modelFields.producerName]: text,
  [modelFields.producerVersion]: text,
  [modelFields.graph]: visitedOnce(() => graphRule),
  [modelFields.operatorSets]: kept(() => operatorSetRule),
  [modelFields.metadata]: kept(() => metadataRule),
  20: visited(() => trainingRule),
  25: visited(() => functionRule),
});

/** A node with the attributes that a ZipMap has. */
export const labelledNodeRule = messageRule('NodeProto', {
  [nodeFields.inputs]: text,
  [nodeFields.outputs]: text,
  [nodeFields.name]: text,
  [nodeFields.attributes]: kept(() =>
    messageRule('AttributeProto', {
      [attributeFields.name]: text,
      [attributeFields.ints]: decimal,
      [attributeFields.strings]: text,
    }),
  ),
});
