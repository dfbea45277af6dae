import { describe, expect, it } from 'vitest';

import { compose, type Infer, type Interceptor } from '../../src/inference/infer.ts';
import type { InferenceResponse } from '../../src/inference/response.ts';
import { awaited } from '../fakes/awaited.ts';
import { inferenceContext, inferenceRequest } from '../fakes/make-request.ts';

const response: InferenceResponse = {
  modelName: 'm',
  modelVersion: '1',
  id: '',
  parameters: new Map(),
  outputs: [],
  isBatched: false,
  release: () => undefined,
};

describe('interceptors', () => {
  it('wrap the verb and its sink in order, the first outermost', async () => {
    const trail: string[] = [];
    const named =
      (name: string): Interceptor =>
      (next) =>
      (request, context, sink) => {
        trail.push(`${name} in`);
        next(request, context, {
          next: (given, isFinal) => {
            trail.push(`${name} out`);
            sink.next(given, isFinal);
          },
          fail: (error) => sink.fail(error),
        });
      };
    const verb: Infer = (_request, _context, sink) => {
      trail.push('verb');
      sink.next(response, true);
    };
    const answer = await awaited(compose([named('a'), named('b')], verb), inferenceRequest(), inferenceContext());
    expect(answer).toBe(response);
    expect(trail).toEqual(['a in', 'b in', 'verb', 'b out', 'a out']);
  });

  it('may be none: then the verb is itself', () => {
    const verb: Infer = (_request, _context, sink) => sink.next(response, true);
    expect(compose([], verb)).toBe(verb);
  });
});
