/** Faults that must not happen on a link: uncounted memory, accepted impossible entries, lost errors. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { internal } from '../../../src/errors.ts';
import { Cancellation } from '../../../src/inference/context.ts';
import type { InferenceResponse } from '../../../src/inference/response.ts';
import { fromFrontend, toFrontend } from '../../../src/threads/link/link.ts';
import { RingWriter } from '../../../src/threads/link/ring.ts';
import { awaited } from '../../fakes/awaited.ts';
import { output } from '../../fakes/fake-inference-server.ts';
import { inferenceContext, inferenceRequest, tensor } from '../../fakes/make-request.ts';
import { type LinkFixture, linkFixture } from './link-fixture.ts';

let link: LinkFixture;
beforeEach(() => {
  link = linkFixture();
});
afterEach(() => link.close());

const bytes = (length: number) => tensor('T', 'UINT8', [length], new Uint8Array(length));

/** A request of that many bytes, which the server answers with the others. */
async function ask(requestBytes: number, answerBytes: number, limited = link): Promise<InferenceResponse> {
  limited.fake.answer = async (request) => limited.fake.respond(request, [output(bytes(answerBytes))]);
  const request = inferenceRequest({ inputs: [bytes(requestBytes)], heldBytes: requestBytes });
  return await awaited(limited.server.infer, request, inferenceContext());
}

describe('the memory of answers over a link', () => {
  const limit = 1_000_000;
  let limited: LinkFixture;
  beforeEach(() => {
    limited = linkFixture(true, limit);
  });
  afterEach(() => limited.close());
  const inflight = () => limited.budgets.host.totalBytes;

  it('counts once while they are under way, and is the reader’s to count when they are there', async () => {
    const seen: number[] = [];
    const { next } = {
      next(response: InferenceResponse) {
        // What this side keeps it counts by itself.
        seen.push(limited.budgets.frontend.totalBytes);
        response.release();
      },
    };
    limited.fake.answer = async (request) => limited.fake.respond(request, [output(bytes(300_000))]);
    limited.doorbells.isAwake = false;
    limited.server.infer(inferenceRequest(), inferenceContext(), { next, fail: () => undefined });
    while (inflight() < 200_000) {
      await new Promise(setImmediate);
      limited.doorbells.hear(limited.host.doorbell);
    }
    expect(inflight()).toBeGreaterThanOrEqual(300_000);
    await limited.settle();
    expect(Math.abs(seen[0])).toBeLessThan(64 * 1024);
    expect(inflight()).toBe(0);
  });

  it('is refused before it is copied when others have taken all', async () => {
    limited.budgets.frontend.add(800_000);
    await expect(ask(10, 300_000, limited)).rejects.toMatchObject({ code: 'resource_exhausted' });
    expect(limited.fake.unreleased).toBe(0);
    await limited.settle();
    expect(limited.host.openAllocations).toBe(0);
    (await ask(10, 100_000, limited)).release();
    limited.budgets.frontend.release(800_000);
    await limited.settle();
    expect(inflight()).toBe(0);
  });

  it('bounds the bytes sent to a thread that reads nothing', async () => {
    limited.fake.answer = async (request) => limited.fake.respond(request, [output(bytes(100_000))]);
    limited.doorbells.isAwake = false;
    const outcomes = Array.from({ length: 50 }, () =>
      awaited(limited.server.infer, inferenceRequest(), inferenceContext()).then(
        (response) => {
          response.release();
          return 'answered';
        },
        ({ code }) => code,
      ),
    );
    // The frontend hears nothing, so nothing comes back.
    for (let turn = 0; turn < 20; turn++) {
      await new Promise(setImmediate);
      limited.doorbells.hear(limited.host.doorbell);
    }
    expect(inflight()).toBeGreaterThan(0.8 * limit);
    expect(inflight()).toBeLessThanOrEqual(limit);
    await limited.settle();
    const all = await Promise.all(outcomes);
    // The bytes of ten would fill the limit; their records are counted too.
    expect(all.filter((outcome) => outcome === 'answered').length).toBe(9);
    expect(all.filter((outcome) => outcome === 'resource_exhausted').length).toBe(41);
    await limited.settle();
    expect(inflight()).toBe(0);
  });

  it('lets a lone request pass whose answer is as large as the limit', async () => {
    (await ask(600_000, 900_000, limited)).release();
    await limited.settle();
    expect(inflight()).toBe(0);
  });

  it('counts the copies of a request until its end', async () => {
    const cancellation = new Cancellation();
    let end: (error: Error) => void = () => undefined;
    limited.fake.answer = () => new Promise((_, reject) => (end = reject));
    const request = inferenceRequest({ inputs: [bytes(200_000)] });
    const asked = awaited(limited.server.infer, request, inferenceContext({ cancellation }));
    await limited.settle();
    expect(inflight()).toBeGreaterThanOrEqual(200_000 - 1024);
    end(new Error('no'));
    await expect(asked).rejects.toThrow('no');
    await limited.settle();
    expect(inflight()).toBe(0);
  });

  it('is given up with the link', async () => {
    const held = await ask(10, 300_000, limited);
    expect(held.outputs[0].data.length).toBe(300_000);
    limited.host.threadEnded();
    limited.budgets.host.clear(1);
    expect(inflight()).toBe(0);
  });
});

describe('an entry that cannot be', () => {
  const { infer, cancel, release } = fromFrontend;
  /** Another writer at the beginning of the ring: the link's own has written nothing yet. */
  const push = async (kind: number, call: number, page: number, offset: number): Promise<void> => {
    new RingWriter(link.ends.frontend.outgoing).push(kind, call, page, offset);
    link.doorbells.ringDoorbell(link.host.doorbell);
    await link.settle();
  };

  it.each([
    ['of an unknown kind', 77, 0, 0, 0, /unknown kind 77/],
    ['that begins a call far off', infer, 5, 0, 0, /call 5, which is not free/],
    ['that begins a call below zero', infer, -1, 0, 0, /call -1, which is not free/],
    ['in a page that nobody has', infer, 0, 999, 0, /page 999/],
    ['where no record is', infer, 0, 0, 64, /record/],
    ['outside of its page', infer, 0, 0, 2 ** 30, /record/],
    ['between two numbers', infer, 0, 0, 3, /record/],
    ['that cancels a call that is not open', cancel, 3, 0, 0, /call 3, which is not open/],
    ['that gives back an answer of no call', release, 3, 0, 0, /call 3, which is not open/],
  ])('%s ends the link, and nothing else', async (_, kind, call, page, offset, message) => {
    await push(kind, call, page, offset);
    expect(link.breaks).toHaveLength(1);
    expect((link.breaks[0] as Error).message).toMatch(message);
    expect(link.fake.seen).toEqual([]);
    // Nothing is read from it any more.
    await push(kind, call, page, offset);
    expect(link.breaks).toHaveLength(1);
  });

  it('cancels the requests that were open', async () => {
    link.fake.answer = () => new Promise(() => undefined);
    link.server.infer(inferenceRequest(), inferenceContext(), { next: () => undefined, fail: () => undefined });
    await link.settle();
    const numbers = new Int32Array(link.ends.frontend.outgoing);
    // The second entry, as if the frontend had begun the same call again.
    numbers.copyWithin(52, 48, 52);
    numbers[0] = 2;
    link.doorbells.ringDoorbell(link.host.doorbell);
    await link.settle();
    expect((link.breaks[0] as Error).message).toMatch(/call 0, which is not free/);
    expect(link.fake.last.context.cancellation.cancelled).toBe(true);
  });

  it.each([
    ['that answers a call that is not open', false, /call 0, which is not open/],
    ['where no record is', true, /record/],
  ])('%s ends the frontend thread', async (_, isOpen, message) => {
    link.doorbells.isAwake = false;
    link.fake.answer = () => new Promise(() => undefined);
    if (isOpen) {
      link.server.infer(inferenceRequest(), inferenceContext(), { next: () => undefined, fail: () => undefined });
    }
    await link.settle();
    new RingWriter(link.ends.scheduling.outgoing).push(toFrontend.answer, 0, 0, 0);
    link.doorbells.ringDoorbell(link.server.doorbell);
    expect(() => link.doorbells.hear(link.server.doorbell)).toThrow(message);
  });
});

describe('an internal error over a link', () => {
  it('is logged with its cause where it happened, with model and request', async () => {
    const cause = new TypeError('cannot read properties of undefined');
    link.fake.answer = () => Promise.reject(cause);
    const failed = awaited(link.server.infer, inferenceRequest({ id: 'r7', modelName: 'm' }), inferenceContext());
    await expect(failed).rejects.toMatchObject({ code: 'internal' });
    expect(link.logger.lines).toEqual([
      { level: 'error', fields: { err: cause, model: 'm', requestId: 'r7' }, message: cause.message },
    ]);
  });

  it('is not logged again when it has no cause: the scheduler has done so', async () => {
    link.fake.answer = () => Promise.reject(internal('onnx runtime error 1: no'));
    await expect(awaited(link.server.infer, inferenceRequest(), inferenceContext())).rejects.toThrow('no');
    expect(link.logger.lines).toEqual([]);
  });
});

describe('a sink that throws', () => {
  it('is logged, and its neighbours get their answers', async () => {
    const broken = {
      next: () => {
        throw new Error('no sink');
      },
      fail: () => undefined,
    };
    link.server.infer(inferenceRequest(), inferenceContext(), broken);
    const answered = await awaited(link.server.infer, inferenceRequest({ id: 'other' }), inferenceContext());
    expect(answered.id).toBe('other');
    answered.release();
    expect(link.logger.lines.map(({ message }) => message)).toEqual([
      'an answer could not be taken: the sink of a request threw',
    ]);
  });
});
