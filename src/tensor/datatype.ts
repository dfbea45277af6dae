/**
 * The fourteen datatypes of the protocol: their names on the wire and in configurations, their width, and the code by
 * which ONNX Runtime knows them. A test compares the codes with those of the addon.
 */

/** Datatype as written in requests, responses and metadata (Open Inference Protocol v2, plus BF16). */
export type Datatype =
  | 'BOOL'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'INT8'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'FP16'
  | 'FP32'
  | 'FP64'
  | 'BF16'
  | 'BYTES';

interface DatatypeFacts {
  /** Bytes per element; 0 for BYTES, whose elements carry their own length. */
  readonly byteSize: number;
  /** ONNXTensorElementDataType of the ONNX Runtime C ABI. */
  readonly onnxCode: number;
  /** Name in `config.pbtxt` (enum DataType of model_config.proto). */
  readonly configName: `TYPE_${Exclude<Datatype, 'BYTES'> | 'STRING'}`;
}

export const datatypes: Readonly<Record<Datatype, DatatypeFacts>> = {
  BOOL: { byteSize: 1, onnxCode: 9, configName: 'TYPE_BOOL' },
  UINT8: { byteSize: 1, onnxCode: 2, configName: 'TYPE_UINT8' },
  UINT16: { byteSize: 2, onnxCode: 4, configName: 'TYPE_UINT16' },
  UINT32: { byteSize: 4, onnxCode: 12, configName: 'TYPE_UINT32' },
  UINT64: { byteSize: 8, onnxCode: 13, configName: 'TYPE_UINT64' },
  INT8: { byteSize: 1, onnxCode: 3, configName: 'TYPE_INT8' },
  INT16: { byteSize: 2, onnxCode: 5, configName: 'TYPE_INT16' },
  INT32: { byteSize: 4, onnxCode: 6, configName: 'TYPE_INT32' },
  INT64: { byteSize: 8, onnxCode: 7, configName: 'TYPE_INT64' },
  FP16: { byteSize: 2, onnxCode: 10, configName: 'TYPE_FP16' },
  FP32: { byteSize: 4, onnxCode: 1, configName: 'TYPE_FP32' },
  FP64: { byteSize: 8, onnxCode: 11, configName: 'TYPE_FP64' },
  BF16: { byteSize: 2, onnxCode: 16, configName: 'TYPE_BF16' },
  BYTES: { byteSize: 0, onnxCode: 8, configName: 'TYPE_STRING' },
};

export const datatypeNames = Object.keys(datatypes) as readonly Datatype[];

const byName: ReadonlyMap<string, Datatype> = new Map(datatypeNames.map((name) => [name, name]));
const byConfigName: ReadonlyMap<string, Datatype> = new Map(
  datatypeNames.map((name) => [datatypes[name].configName, name]),
);
const byOnnxCode: ReadonlyMap<number, Datatype> = new Map(
  datatypeNames.map((name) => [datatypes[name].onnxCode, name]),
);

/** The datatype of that wire name, or null; names are case-sensitive. */
export const datatypeOf = (name: string): Datatype | null => byName.get(name) ?? null;

/** The datatype behind a configuration's `TYPE_…`, or null (TYPE_INVALID and unknown names). */
export const datatypeOfConfigName = (name: string): Datatype | null => byConfigName.get(name) ?? null;

/** The datatype of an ONNX element type, or null where the protocol has none (FP8, INT4, complex). */
export const datatypeOfOnnxCode = (code: number): Datatype | null => byOnnxCode.get(code) ?? null;
