/** Requests to the servers that echo: no model, answers that must be the first bytes of the request to the last bit. */

import { fp32Bytes, type InferCase } from '../load/infer-case.ts';
import { seededNumbers } from './seeded-numbers.ts';

/** A small answer to a large request, as a classifier gives it; peers/grpcpp_echo.cc has the same. */
export const echoedBytes = 4000;

const caseCount = 4;

export const echoCases = (shape: readonly number[]): readonly InferCase[] =>
  Array.from({ length: caseCount }, (_, i) => {
    const elements = shape.reduce((product, dim) => product * dim, 1);
    const input = seededNumbers(400 + i)(elements, 1);
    return { model: 'echo', shape, input: fp32Bytes(input), expected: input.slice(0, echoedBytes / 4) };
  });
