/**
 * Limits on what one request may contain, the same for every protocol and between threads. A few bytes on the wire
 * become an object each, so without limits a small message could cost much more memory and time than its size suggests.
 */

import { type InferenceError, invalidArgument } from '../errors.ts';

export const requestLimits = {
  /** Inputs, and outputs asked for: more than any model has. */
  tensors: 16_384,
  /** Parameters of the request. */
  parameters: 32_768,
  /** Parameters of one input or output. */
  tensorParameters: 256,
  /** Dimensions of a shape; ONNX Runtime and the clients of the protocol use far fewer. */
  rank: 128,
  /**
   * The same in JSON, where a dimension has at least two bytes. Up to here admission reports a wrong rank, naming the
   * model's.
   */
  jsonRank: 4096,
  /** Bytes of the name of a model, a tensor, a datatype or a parameter. */
  nameBytes: 4096,
  /** Bytes of an id, or of the text of one parameter. */
  textBytes: 1024 * 1024,
  /**
   * Bytes of the values of all parameters together, of the members without a meaning in a JSON request, and of the names
   * and shapes of all inputs, as of all outputs.
   */
  allTextBytes: 4 * 1024 * 1024,
  /** Characters of one number in JSON: the nearest double is decided long before. */
  numberCharacters: 1024,
} as const;

/** @param what in the plural: `inputs`, `parameters of one tensor`. */
export const tooMany = (what: string, limit: number): InferenceError =>
  invalidArgument(`the request has more than ${limit} ${what}`);

export const tooLong = (what: string, limit: number): InferenceError =>
  invalidArgument(`${what} is longer than ${limit} bytes`);

/** A dimension in memory. */
const dimensionBytes = 8;

/**
 * Counts the names and shapes of the tensors of a request.
 *
 * @param before of those that were read already.
 * @returns with this one.
 */
export function describedBytes(before: number, name: string, rank: number, what: 'inputs' | 'outputs'): number {
  const bytes = before + name.length + rank * dimensionBytes;
  if (bytes > requestLimits.allTextBytes) {
    throw tooLong(`the text of all names and shapes of the ${what}`, requestLimits.allTextBytes);
  }
  return bytes;
}
