/** Requests and answers over a link whose two ends are in one thread. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cancelled, errorCodes, InferenceError } from '../../../src/errors.ts';
import { Cancellation, type InferenceContext } from '../../../src/inference/context.ts';
import type { InferenceRequest } from '../../../src/inference/request.ts';
import type { InferenceResponse } from '../../../src/inference/response.ts';
import { hostBytes } from '../../../src/tensor/tensor-bytes.ts';
import { awaited } from '../../fakes/awaited.ts';
import { output } from '../../fakes/fake-inference-server.ts';
import { inferenceContext, inferenceRequest, tensor } from '../../fakes/make-request.ts';
import { deferred, type LinkFixture, linkFixture, loopTurns } from './link-fixture.ts';

let link: LinkFixture;
beforeEach(() => {
  link = linkFixture();
});
afterEach(() => link.close());

const bytesRequest = (id: string, length: number, fill: number): InferenceRequest =>
  inferenceRequest({ id, inputs: [tensor('IN', 'UINT8', [length], new Uint8Array(length).fill(fill))] });

/** Answers that wait until the test gives them, by the request's id. */
function holdAnswers() {
  const held = new Map<string, ReturnType<typeof deferred<InferenceResponse>>>();
  link.fake.answer = (request) => {
    const answer = deferred<InferenceResponse>();
    held.set(request.id, answer);
    return answer.promise;
  };
  return {
    held,
    give(id: string, text = id): void {
      const { request } = link.fake.seen.find((seen) => seen.request.id === id)!;
      held
        .get(id)!
        .resolve(link.fake.respond(request, [output(tensor('OUT', 'UINT8', [text.length], Buffer.from(text)))]));
    },
  };
}

const textOf = ({ outputs }: InferenceResponse): string => Buffer.from(hostBytes(outputs[0].data)).toString();

describe('a request over a link', () => {
  it('reaches the server as it was sent, with its times', async () => {
    const sent = inferenceRequest({ id: 'r1', modelName: 'echo', parameters: new Map([['a', 1n]]), priority: 3 });
    const response = await awaited(link.server.infer, sent, inferenceContext({ receivedAtMs: 7.25, deadlineMs: 99.5 }));
    const { request, context } = link.fake.last;
    expect(request).toMatchObject({ id: 'r1', modelName: 'echo', priority: 3, parameters: new Map([['a', 1n]]) });
    expect(context).toMatchObject({ receivedAtMs: 7.25, deadlineMs: 99.5 });
    expect(response).toMatchObject({ modelName: 'echo', modelVersion: '1', id: 'r1', isBatched: false });
    response.release();
  });

  it('is answered with its own bytes, however many are open', async () => {
    const sizes = [0, 1, 5, 100, 70_000, 300_000];
    const responses = await Promise.all(
      Array.from({ length: 120 }, (_, i) =>
        awaited(link.server.infer, bytesRequest(`r${i}`, sizes[i % sizes.length], i), inferenceContext()),
      ),
    );
    for (const [i, { id, outputs, release }] of responses.entries()) {
      expect(id).toBe(`r${i}`);
      expect(outputs[0].data.length).toBe(sizes[i % sizes.length]);
      expect(hostBytes(outputs[0].data).every((byte) => byte === i)).toBe(true);
      release();
    }
  });

  it('is answered when its answer is there, in any order', async () => {
    const { give } = holdAnswers();
    const done: string[] = [];
    const all = ['a', 'b', 'c'].map((id) =>
      awaited(link.server.infer, inferenceRequest({ id }), inferenceContext()).then((response) =>
        done.push(textOf(response)),
      ),
    );
    await link.settle();
    for (const id of ['b', 'c', 'a']) {
      give(id);
      await link.settle();
    }
    await Promise.all(all);
    expect(done).toEqual(['b', 'c', 'a']);
  });

  it('frees the server’s response as soon as it was copied', async () => {
    const response = await awaited(link.server.infer, bytesRequest('r', 10, 4), inferenceContext());
    expect(link.fake.unreleased).toBe(0);
    expect([...hostBytes(response.outputs[0].data)]).toEqual(new Array(10).fill(4));
    response.release();
  });

  it('may be sent before the other side is connected', async () => {
    const late = linkFixture(false);
    const response = awaited(late.server.infer, inferenceRequest({ id: 'early' }), inferenceContext());
    await late.settle();
    expect((await response).id).toBe('early');
    late.close();
  });

  it.each(errorCodes)('fails with the code %s and the text of the server', async (code) => {
    link.fake.answer = () => Promise.reject(new InferenceError(code, `because of ${code} – ü`));
    const failed = awaited(link.server.infer, inferenceRequest(), inferenceContext());
    await expect(failed).rejects.toMatchObject({ name: 'InferenceError', code, message: `because of ${code} – ü` });
  });

  it('fails as internal when the server fails in an unknown way', async () => {
    link.fake.answer = () => Promise.reject(new TypeError('no such thing'));
    const failed = awaited(link.server.infer, inferenceRequest(), inferenceContext());
    await expect(failed).rejects.toMatchObject({ code: 'internal', message: 'no such thing' });
  });

  it('leaves the others alone when it fails', async () => {
    link.fake.answer = (request) =>
      request.id === 'bad'
        ? Promise.reject(new InferenceError('invalid_argument', 'bad'))
        : Promise.resolve(link.fake.respond(request, []));
    const results = await Promise.allSettled(
      ['a', 'bad', 'b', 'bad', 'c'].map((id) =>
        awaited(link.server.infer, inferenceRequest({ id }), inferenceContext()),
      ),
    );
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });

  it('with many parameters is read in a turn of its own', async () => {
    const parameters = new Map(Array.from({ length: 32_000 }, (_, i) => [`p${i}`, BigInt(i)]));
    const late = linkFixture(false);
    for (let i = 0; i < 3; i++) {
      const answer = awaited(late.server.infer, inferenceRequest({ id: `r${i}`, parameters }), inferenceContext());
      answer.then(({ release }) => release());
    }
    await loopTurns();
    late.doorbells.hear(late.host.doorbell);
    expect(late.fake.seen.map(({ request }) => request.id)).toEqual(['r0']);
    await late.settle();
    expect(late.fake.seen.map(({ request }) => request.id)).toEqual(['r0', 'r1', 'r2']);
    late.close();
  });

  it('reaches the server even when more are sent at once than a ring holds', async () => {
    const { give } = holdAnswers();
    const count = 10_000;
    const all = Array.from({ length: count }, (_, i) =>
      awaited(link.server.infer, inferenceRequest({ id: `r${i}` }), inferenceContext()),
    );
    await link.settle();
    // Nothing was answered yet, so nothing but the room itself can have brought the rest over.
    expect(link.fake.seen.length).toBe(count);
    for (let i = 0; i < count; i++) give(`r${i}`);
    await link.settle();
    const texts = (await Promise.all(all)).map(textOf);
    expect(texts.findIndex((text, i) => text !== `r${i}`)).toBe(-1);
  });
});

describe('a caller that leaves', () => {
  /** A server that answers a cancelled request as the real one does. */
  const untilCancelled = (_request: InferenceRequest, { cancellation }: InferenceContext): Promise<InferenceResponse> =>
    new Promise((_resolve, reject) => {
      const leave = (): void => reject(cancelled('the caller has left'));
      if (cancellation.cancelled) leave();
      else cancellation.add(leave);
    });

  it('is known to the server', async () => {
    link.fake.answer = untilCancelled;
    const cancellation = new Cancellation();
    const failed = awaited(link.server.infer, inferenceRequest(), inferenceContext({ cancellation }));
    const expected = expect(failed).rejects.toMatchObject({ code: 'cancelled', message: 'the caller has left' });
    await link.settle();
    expect(link.fake.last.context.cancellation.cancelled).toBe(false);
    cancellation.cancel();
    await expected;
    expect(link.fake.last.context.cancellation.cancelled).toBe(true);
  });

  it('may have left before the request was sent', async () => {
    link.fake.answer = untilCancelled;
    const cancellation = new Cancellation();
    cancellation.cancel();
    const failed = awaited(link.server.infer, inferenceRequest(), inferenceContext({ cancellation }));
    await expect(failed).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('is one of many', async () => {
    const { give } = holdAnswers();
    const cancellations = Array.from({ length: 5 }, () => new Cancellation());
    const all = cancellations.map((cancellation, i) =>
      awaited(link.server.infer, inferenceRequest({ id: `r${i}` }), inferenceContext({ cancellation })),
    );
    await link.settle();
    cancellations[3].cancel();
    await link.settle();
    expect(link.fake.seen.map(({ context }) => context.cancellation.cancelled)).toEqual([
      false,
      false,
      false,
      true,
      false,
    ]);
    for (let i = 0; i < 5; i++) give(`r${i}`);
    expect((await Promise.all(all)).map(textOf)).toEqual(['r0', 'r1', 'r2', 'r3', 'r4']);
  });

  it('does not cancel a later request that has the number of its call', async () => {
    const { give } = holdAnswers();
    const cancellation = new Cancellation();
    const first = awaited(link.server.infer, inferenceRequest({ id: 'first' }), inferenceContext({ cancellation }));
    await link.settle();
    give('first');
    (await first).release();
    const second = awaited(link.server.infer, inferenceRequest({ id: 'second' }), inferenceContext());
    cancellation.cancel();
    await link.settle();
    expect(link.fake.last.context.cancellation.cancelled).toBe(false);
    give('second');
    expect(textOf(await second)).toBe('second');
  });

  it('does not reuse the bytes of its request before the server has stopped reading them', async () => {
    const end = deferred<InferenceResponse>();
    link.fake.answer = () => end.promise;
    const cancellation = new Cancellation();
    const failed = awaited(link.server.infer, bytesRequest('gone', 60_000, 1), inferenceContext({ cancellation }));
    await link.settle();
    const { data } = link.fake.last.request.inputs[0];
    cancellation.cancel();
    await link.settle();
    expect(link.server.arena.openCount).toBe(2);
    link.fake.answer = async (request) => link.fake.respond(request, []);
    for (let i = 0; i < 100; i++) {
      (await awaited(link.server.infer, bytesRequest(`r${i}`, 60_000, 2), inferenceContext())).release();
    }
    expect(hostBytes(data).every((byte) => byte === 1)).toBe(true);
    end.reject(cancelled(''));
    await expect(failed).rejects.toMatchObject({ code: 'cancelled' });
    expect(link.server.arena.openCount).toBe(0);
  });
});

describe('an answer over a link', () => {
  const ask = (id: string): Promise<InferenceResponse> =>
    awaited(link.server.infer, bytesRequest(id, 50_000, id.charCodeAt(0)), inferenceContext());

  it('keeps its bytes until it is released', async () => {
    const kept = await ask('k');
    for (let i = 0; i < 100; i++) (await ask('x')).release();
    expect(hostBytes(kept.outputs[0].data).every((byte) => byte === 'k'.charCodeAt(0))).toBe(true);
    kept.release();
  });

  it('may be released twice', async () => {
    const first = await ask('a');
    first.release();
    first.release();
    const [second, third] = await Promise.all([ask('b'), ask('c')]);
    first.release();
    await link.settle();
    for (let i = 0; i < 20; i++) (await ask('x')).release();
    expect(hostBytes(second.outputs[0].data).every((byte) => byte === 'b'.charCodeAt(0))).toBe(true);
    expect(hostBytes(third.outputs[0].data).every((byte) => byte === 'c'.charCodeAt(0))).toBe(true);
  });

  it('that is empty still needs its release', async () => {
    link.fake.answer = async (request) => link.fake.respond(request, []);
    const response = await awaited(link.server.infer, inferenceRequest({ id: 'empty' }), inferenceContext());
    expect(response.outputs).toEqual([]);
    response.release();
  });
});

describe('the end of a link', () => {
  it('cancels open requests', async () => {
    holdAnswers();
    for (const id of ['a', 'b']) void awaited(link.server.infer, inferenceRequest({ id }), inferenceContext());
    await link.settle();
    link.host.close();
    expect(link.fake.seen.map(({ context }) => context.cancellation.cancelled)).toEqual([true, true]);
  });

  it('releases answers that come late, and drops errors that do', async () => {
    const { give, held } = holdAnswers();
    for (const id of ['a', 'b', 'c']) void awaited(link.server.infer, inferenceRequest({ id }), inferenceContext());
    await link.settle();
    link.host.close();
    give('a');
    give('b');
    held.get('c')!.reject(cancelled('gone'));
    expect(link.fake.unreleased).toBe(2);
    await link.settle();
    expect(link.fake.unreleased).toBe(0);
  });

  it('takes no more requests, closes its doorbell and may come twice', async () => {
    const before = link.doorbells.count;
    link.host.close();
    link.host.close();
    expect(link.doorbells.count).toBe(before - 1);
    void awaited(link.server.infer, inferenceRequest(), inferenceContext());
    await link.settle();
    expect(link.fake.seen).toEqual([]);
  });
});
