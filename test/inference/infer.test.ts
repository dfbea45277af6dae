import { describe, expect, it } from 'vitest';

import { compose, type Infer, type Interceptor } from '../../src/inference/infer.ts';
import type { InferenceResponse } from '../../src/inference/response.ts';
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
  it('wrap the verb in order, the first outermost', async () => {
    const trail: string[] = [];
    const named =
      (name: string): Interceptor =>
      (next) =>
      async (request, context) => {
        trail.push(`${name} in`);
        const answer = await next(request, context);
        trail.push(`${name} out`);
        return answer;
      };
    const verb: Infer = async () => {
      trail.push('verb');
      return response;
    };
    const answer = await compose([named('a'), named('b')], verb)(inferenceRequest(), inferenceContext());
    expect(answer).toBe(response);
    expect(trail).toEqual(['a in', 'b in', 'verb', 'b out', 'a out']);
  });

  it('may be none: then the verb is itself', () => {
    const verb: Infer = async () => response;
    expect(compose([], verb)).toBe(verb);
  });
});
