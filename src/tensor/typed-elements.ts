/** The bytes of a tensor as numbers: for what the server itself must read (classification, JSON). */

import { assertNever } from '../errors.ts';
import { type Datatype, datatypes } from './datatype.ts';

/** All datatypes but BYTES, whose elements are no numbers. */
export type NumericDatatype = Exclude<Datatype, 'BYTES'>;

export type TypedElements =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/**
 * A typed array over `data`: a view where the bytes are aligned to the element size, a copy where they are not. BOOL is
 * read as bytes; FP16 and BF16 as their 16-bit patterns (`float16.ts`). A rest smaller than an element is left out.
 */
export function typedElements(datatype: NumericDatatype, data: Uint8Array): TypedElements {
  const { byteSize } = datatypes[datatype];
  // Not `slice`, which is a view too where the bytes are a Buffer.
  const aligned = data.byteOffset % byteSize === 0 ? data : new Uint8Array(data);
  const { buffer, byteOffset } = aligned;
  const count = Math.floor(data.length / byteSize);
  switch (datatype) {
    case 'BOOL':
    case 'UINT8':
      return aligned;
    case 'INT8':
      return new Int8Array(buffer, byteOffset, count);
    case 'UINT16':
    case 'FP16':
    case 'BF16':
      return new Uint16Array(buffer, byteOffset, count);
    case 'INT16':
      return new Int16Array(buffer, byteOffset, count);
    case 'UINT32':
      return new Uint32Array(buffer, byteOffset, count);
    case 'INT32':
      return new Int32Array(buffer, byteOffset, count);
    case 'UINT64':
      return new BigUint64Array(buffer, byteOffset, count);
    case 'INT64':
      return new BigInt64Array(buffer, byteOffset, count);
    case 'FP32':
      return new Float32Array(buffer, byteOffset, count);
    case 'FP64':
      return new Float64Array(buffer, byteOffset, count);
    default:
      return assertNever(datatype);
  }
}
