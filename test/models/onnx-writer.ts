/**
 * Writes small ONNX models from nothing: enough of the protobuf encoding and of onnx.proto's field numbers to describe
 * graphs, subgraphs, initialisers (external ones too) and every kind of type. Writes what it is told, wrong things
 * included, so that tests can make broken models as well. Field numbers are those of onnx.proto (ONNX 1.x).
 */

/** Element types as onnx.proto numbers them (TensorProto.DataType); the ONNX Runtime codes are the same for these. */
export const elem = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  bfloat16: 16,
  float8e4m3fn: 17,
  uint4: 21,
  int4: 22,
} as const;

/** An encoded submessage; the brand keeps a tensor from standing where a node belongs. */
export interface Encoded<Kind extends string> {
  readonly kind: Kind;
  readonly bytes: Uint8Array;
}

export type NodeBytes = Encoded<'node'>;
export type TypeBytes = Encoded<'type'>;
export type ValueInfoBytes = Encoded<'valueInfo'>;
export type TensorBytes = Encoded<'tensor'>;
export type GraphBytes = Encoded<'graph'>;

/** A dimension: an extent, a symbolic name, or null for one that nothing is said about. */
export type Dim = number | string | null;

export type AttributeValue =
  | { readonly int: number | bigint }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly tensor: TensorBytes }
  | { readonly graph: GraphBytes }
  | { readonly ints: readonly (number | bigint)[] }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] };

export interface GraphParts {
  readonly name?: string;
  readonly nodes: readonly NodeBytes[];
  readonly inputs: readonly ValueInfoBytes[];
  readonly outputs: readonly ValueInfoBytes[];
  readonly initializers?: readonly TensorBytes[];
}

export interface ModelParts extends GraphParts {
  /** Version of the default operator set; 17 unless given, null for no entry at all. */
  readonly opset?: number | null;
  /** Further operator sets by domain, e.g. `{ 'ai.onnx.ml': 3 }`. */
  readonly domainOpsets?: Readonly<Record<string, number>>;
  /** 8 unless given. */
  readonly irVersion?: number;
  readonly producer?: string;
  readonly description?: string;
  readonly modelVersion?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

const text = new TextEncoder();

function concat(parts: readonly Uint8Array[]): Uint8Array {
  let total = 0;
  for (const part of parts) total += part.length;
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Base-128 varint; negative numbers as 64-bit two's complement, as protobuf's int64 wants them. */
export function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

/** A varint field. */
export const intField = (field: number, value: number | bigint): Uint8Array =>
  concat([varint(field << 3), varint(value)]);

/** A length-delimited field: submessage, bytes or text. */
export function bytesField(field: number, value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? text.encode(value) : value;
  return concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

/** A 32-bit float field. */
export function floatField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concat([varint((field << 3) | 5), bytes]);
}

const entry = (field: number, key: string, value: string): Uint8Array =>
  bytesField(field, concat([bytesField(1, key), bytesField(2, value)]));

function attribute(name: string, value: AttributeValue): Uint8Array {
  const parts = [bytesField(1, name)];
  const put = (type: number, ...fields: readonly Uint8Array[]): void => {
    parts.push(...fields, intField(20, type));
  };
  if ('float' in value) put(1, floatField(2, value.float));
  else if ('int' in value) put(2, intField(3, value.int));
  else if ('string' in value) put(3, bytesField(4, value.string));
  else if ('tensor' in value) put(4, bytesField(5, value.tensor.bytes));
  else if ('graph' in value) put(5, bytesField(6, value.graph.bytes));
  else if ('floats' in value) put(6, ...value.floats.map((number) => floatField(7, number)));
  else if ('ints' in value) put(7, ...value.ints.map((number) => intField(8, number)));
  else put(8, ...value.strings.map((string) => bytesField(9, string)));
  return concat(parts);
}

/** A node; an input or output named '' is one that is left out. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  domain = '',
): NodeBytes {
  const parts = [
    ...inputs.map((name) => bytesField(1, name)),
    ...outputs.map((name) => bytesField(2, name)),
    bytesField(3, `${op}_${outputs[0] ?? ''}`),
    bytesField(4, op),
    ...Object.entries(attributes).map(([name, value]) => bytesField(5, attribute(name, value))),
  ];
  if (domain !== '') parts.push(bytesField(7, domain));
  return { kind: 'node', bytes: concat(parts) };
}

function shape(dims: readonly Dim[]): Uint8Array {
  return concat(
    dims.map((dim) => {
      if (dim === null) return bytesField(1, new Uint8Array(0));
      return bytesField(1, typeof dim === 'string' ? bytesField(2, dim) : intField(1, dim));
    }),
  );
}

const tensorLike = (field: number, elemCode: number, dims: readonly Dim[] | null): TypeBytes => {
  const parts = [intField(1, elemCode)];
  if (dims !== null) parts.push(bytesField(2, shape(dims)));
  return { kind: 'type', bytes: bytesField(field, concat(parts)) };
};

/** A tensor of this element type; dims null says nothing about the rank. */
export const tensorType = (elemCode: number, dims: readonly Dim[] | null): TypeBytes => tensorLike(1, elemCode, dims);

export const sparseTensorType = (elemCode: number, dims: readonly Dim[] | null): TypeBytes =>
  tensorLike(8, elemCode, dims);

export const sequenceType = (element: TypeBytes): TypeBytes => ({
  kind: 'type',
  bytes: bytesField(4, bytesField(1, element.bytes)),
});

export const mapType = (keyElemCode: number, value: TypeBytes): TypeBytes => ({
  kind: 'type',
  bytes: bytesField(5, concat([intField(1, keyElemCode), bytesField(2, value.bytes)])),
});

export const optionalType = (element: TypeBytes): TypeBytes => ({
  kind: 'type',
  bytes: bytesField(9, bytesField(1, element.bytes)),
});

/** The declaration of an input or output. */
export const valueInfo = (name: string, type: TypeBytes): ValueInfoBytes => ({
  kind: 'valueInfo',
  bytes: concat([bytesField(1, name), bytesField(2, type.bytes)]),
});

const tensorHead = (name: string, elemCode: number, dims: readonly number[]): Uint8Array[] => [
  ...dims.map((dim) => intField(1, dim)),
  intField(2, elemCode),
  bytesField(8, name),
];

/** A constant with its bytes inside (raw_data: little-endian, row-major). Not for strings. */
export const initializer = (
  name: string,
  elemCode: number,
  dims: readonly number[],
  rawBytes: Uint8Array,
): TensorBytes => ({
  kind: 'tensor',
  bytes: concat([...tensorHead(name, elemCode, dims), bytesField(9, rawBytes)]),
});

/** A constant of strings; an element may hold any bytes. */
export const stringInitializer = (
  name: string,
  dims: readonly number[],
  elements: readonly (string | Uint8Array)[],
): TensorBytes => ({
  kind: 'tensor',
  bytes: concat([...tensorHead(name, elem.string, dims), ...elements.map((element) => bytesField(6, element))]),
});

/** A constant whose bytes lie in another file, found relative to the model's folder. */
export function externalInitializer(
  name: string,
  elemCode: number,
  dims: readonly number[],
  place: { readonly location: string; readonly offset?: number; readonly length?: number },
): TensorBytes {
  const parts = [...tensorHead(name, elemCode, dims), entry(13, 'location', place.location)];
  if (place.offset !== undefined) parts.push(entry(13, 'offset', String(place.offset)));
  if (place.length !== undefined) parts.push(entry(13, 'length', String(place.length)));
  parts.push(intField(14, 1));
  return { kind: 'tensor', bytes: concat(parts) };
}

/** A graph, for the body of an If or a Loop; `model` makes its own. */
export const graph = (parts: GraphParts): GraphBytes => ({
  kind: 'graph',
  bytes: concat([
    ...parts.nodes.map(({ bytes }) => bytesField(1, bytes)),
    bytesField(2, parts.name ?? 'test_graph'),
    ...(parts.initializers ?? []).map(({ bytes }) => bytesField(5, bytes)),
    ...parts.inputs.map(({ bytes }) => bytesField(11, bytes)),
    ...parts.outputs.map(({ bytes }) => bytesField(12, bytes)),
  ]),
});

/** A whole model file. */
export function model(parts: ModelParts): Uint8Array {
  const opset = parts.opset === undefined ? 17 : parts.opset;
  const opsetField = (domain: string, version: number): Uint8Array =>
    bytesField(8, concat([bytesField(1, domain), intField(2, version)]));
  const fields = [
    intField(1, parts.irVersion ?? 8),
    bytesField(2, parts.producer ?? 'nereid-test'),
    bytesField(7, graph(parts).bytes),
  ];
  if (parts.modelVersion !== undefined) fields.push(intField(5, parts.modelVersion));
  if (parts.description !== undefined) fields.push(bytesField(6, parts.description));
  if (opset !== null) fields.push(opsetField('', opset));
  for (const [domain, version] of Object.entries(parts.domainOpsets ?? {})) fields.push(opsetField(domain, version));
  for (const [key, value] of Object.entries(parts.metadata ?? {})) fields.push(entry(14, key, value));
  return concat(fields);
}

/** The bytes of numbers as an initialiser wants them. */
export const floats = (values: ArrayLike<number>): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
export const int64s = (values: readonly (number | bigint)[]): Uint8Array =>
  new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);
