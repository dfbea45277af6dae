/** Errors of JSON requests that more than one reader makes, in Triton's words. */

import { type InferenceError, invalidArgument } from '../../../errors.ts';
import { shownText } from '../../../shown-text.ts';

/** The deepest nesting of arrays and objects, in tensor data and elsewhere. */
export const maxJsonDepth = 100;

/** The kinds of JSON values as Triton's error texts name them. */
export type JsonKind = 'array' | 'string' | 'boolean' | 'unsigned-integer' | 'signed-integer' | 'double' | 'object';

/** Triton's sentences; a double is the only kind that they call by two names. */
export const wrongKindText = (kind: JsonKind): string =>
  `attempt to access JSON non-${kind === 'double' ? 'number' : kind} as ${kind}`;

export const wrongKind = (key: string, kind: JsonKind): InferenceError =>
  invalidArgument(
    `Unable to ${key === 'classification' ? 'set' : 'parse'} '${shownText(key)}': ${wrongKindText(kind)}`,
  );

export const missingMember = (key: string): InferenceError =>
  invalidArgument(`Unable to parse '${key}': attempt to access non-existing object member '${key}'`);

/** Members with a meaning must not be repeated, because that is ambiguous. */
export const repeatedMember = (key: string): InferenceError =>
  invalidArgument(`Unable to parse '${shownText(key)}': the object has this member twice`);

export const depthExceeded = (): InferenceError =>
  invalidArgument(`JSON nesting depth exceeds maximum allowed limit (${maxJsonDepth})`);
