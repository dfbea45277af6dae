/**
 * One inference as a load generator asks it: one tensor named INPUT in, one FP32 tensor named OUTPUT back. Independent
 * of the protocol.
 */

export const inputName = 'INPUT';
export const outputName = 'OUTPUT';

/** The protocol's names of the datatypes that inputs have. */
export type InputDatatype = 'FP32' | 'FP16' | 'UINT8' | 'INT64';

export interface InferCase {
  readonly model: string;
  /** FP32 unless given. */
  readonly datatype?: InputDatatype;
  /** Shape of the input, batch dimension included. */
  readonly shape: readonly number[];
  /** The input's elements, little-endian, row-major. */
  readonly input: Uint8Array;
  /** The expected OUTPUT; null when any well-formed answer is accepted. */
  readonly expected: Float32Array | null;
}

export const datatypeOf = ({ datatype = 'FP32' }: InferCase): InputDatatype => datatype;

/** The bytes of FP32 elements; a view, not a copy. */
export function fp32Bytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/**
 * Null when `bytes` hold what is expected, else how they differ. The size of a batch decides which kernels run, so the
 * last bits may differ from run to run: `tolerance` is relative to the larger of 1 and the expected value.
 */
export function outputDifference(bytes: Uint8Array, expected: Float32Array, tolerance: number): string | null {
  if (bytes.byteLength !== expected.byteLength) {
    return `OUTPUT: expected ${expected.byteLength} bytes, got ${bytes.byteLength}`;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < expected.length; i += 1) {
    const got = view.getFloat32(i * 4, true);
    const limit = tolerance * Math.max(1, Math.abs(expected[i]));
    if (!(Math.abs(got - expected[i]) <= limit)) return `OUTPUT[${i}]: expected ${expected[i]}, got ${got}`;
  }
  return null;
}
