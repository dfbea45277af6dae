import { describe, expect, it } from 'vitest';

import { notFound } from '../../src/errors.ts';
import type { InferenceContext } from '../../src/inference/context.ts';
import type { Infer } from '../../src/inference/infer.ts';
import type { InferenceRequest } from '../../src/inference/request.ts';
import type { InferenceResponse } from '../../src/inference/response.ts';
import { accessLog, type LoggedRequests } from '../../src/interceptors/access-log/access-log.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { fp32, inferenceContext, inferenceRequest } from '../fakes/make-request.ts';
import { RecordingLogger } from '../fakes/recording-logger.ts';

const response = (request: InferenceRequest): InferenceResponse => ({
  modelName: request.modelName,
  modelVersion: '3',
  id: request.id,
  parameters: new Map(),
  outputs: [{ ...fp32('Y', [2, 1], [1, 2]), labels: [], classificationCount: 0 }],
  isBatched: true,
  release: () => undefined,
});

/** A ring of nothing but the access log around this verb, and what it wrote. */
function ringAround(logged: LoggedRequests, verb: Infer) {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const infer = accessLog(logged, { clock, logger })?.(verb) ?? verb;
  const given: string[] = [];
  const ask = (request: Partial<InferenceRequest> = {}, context: Partial<InferenceContext> = {}): void =>
    infer(
      inferenceRequest({ id: 'r-1', ...request }),
      inferenceContext({ receivedAtMs: clock.now(), caller: { protocol: 'grpc', address: '127.0.0.9' }, ...context }),
      {
        next: (_response, isFinal) => given.push(isFinal ? 'final' : 'part'),
        fail: ({ code }) => given.push(code),
      },
    );
  return { ask, clock, lines: logger.lines, given };
}

describe('the access log', () => {
  it('writes caller, request, outcome, duration and bytes', () => {
    const ring = ringAround('all', (request, _context, sink) => {
      ring.clock.advance(12.5);
      sink.next(response(request), true);
    });
    ring.ask();
    expect(ring.given).toEqual(['final']);
    expect(ring.lines).toEqual([
      {
        level: 'info',
        message: 'request answered',
        fields: {
          protocol: 'grpc',
          client: '127.0.0.9',
          model: 'm',
          version: '3',
          requestId: 'r-1',
          outcome: 'ok',
          ms: 12.5,
          inputBytes: 4,
          outputBytes: 8,
        },
      },
    ]);
  });

  it('writes one line for a request with several responses, when the last one is there', () => {
    const ring = ringAround('all', (request, _context, sink) => {
      for (const isFinal of [false, false, true]) sink.next(response(request), isFinal);
    });
    ring.ask();
    expect(ring.given).toEqual(['part', 'part', 'final']);
    expect(ring.lines).toMatchObject([{ fields: { responses: 3, outputBytes: 24 } }]);
  });

  it('writes the code and the reason of a failure', () => {
    const ring = ringAround('failed', (_request, _context, sink) => sink.fail(notFound(`no model 'm'`)));
    ring.ask({ modelVersion: '7' });
    expect(ring.given).toEqual(['not_found']);
    expect(ring.lines).toMatchObject([
      { message: `request failed: no model 'm'`, fields: { outcome: 'not_found', version: '7', outputBytes: 0 } },
    ]);
  });

  it('is silent about answered requests where only failed ones are wanted', () => {
    const ring = ringAround('failed', (request, _context, sink) => sink.next(response(request), true));
    ring.ask();
    expect(ring.given).toEqual(['final']);
    expect(ring.lines).toEqual([]);
  });

  it('cuts ids that are too long for a line', () => {
    const ring = ringAround('all', (request, _context, sink) => sink.next(response(request), true));
    ring.ask({ id: 'x'.repeat(10_000) });
    expect(ring.lines[0].fields.requestId).toHaveLength(200);
  });

  it('is no interceptor at all where nothing is wanted', () => {
    expect(accessLog('none', { clock: new FakeClock(), logger: new RecordingLogger() })).toBeNull();
  });
});
