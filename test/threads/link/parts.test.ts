/** Requests with several responses over a link: each has its own place in the pages and its own release. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cancelled, type InferenceError, internal } from '../../../src/errors.ts';
import { Cancellation } from '../../../src/inference/context.ts';
import type { ResponseSink } from '../../../src/inference/infer.ts';
import type { InferenceRequest } from '../../../src/inference/request.ts';
import type { InferenceResponse } from '../../../src/inference/response.ts';
import { hostBytes } from '../../../src/tensor/tensor-bytes.ts';
import { output } from '../../fakes/fake-inference-server.ts';
import { inferenceContext, inferenceRequest, tensor } from '../../fakes/make-request.ts';
import { type LinkFixture, linkFixture } from './link-fixture.ts';

let link: LinkFixture;
/** The server's side of each request, by its id. */
let asked: Map<string, { request: InferenceRequest; sink: ResponseSink }>;
beforeEach(() => {
  use(linkFixture());
});
afterEach(() => link.close());

function use(fixture: LinkFixture): void {
  link = fixture;
  asked = new Map();
  link.fake.stream = (request, _context, sink) => asked.set(request.id, { request, sink });
}

/** A caller that keeps what it gets. */
class Taker implements ResponseSink {
  readonly taken: { readonly text: string; readonly isFinal: boolean }[] = [];
  readonly kept: InferenceResponse[] = [];
  readonly failures: InferenceError[] = [];
  readonly cancellation = new Cancellation();

  constructor(id: string, inputBytes = 10) {
    const inputs = [tensor('IN', 'UINT8', [inputBytes], new Uint8Array(inputBytes))];
    link.server.infer(inferenceRequest({ id, inputs }), inferenceContext({ cancellation: this.cancellation }), this);
  }

  next(response: InferenceResponse, isFinal: boolean): void {
    this.taken.push({ text: Buffer.from(hostBytes(response.outputs[0].data)).toString(), isFinal });
    this.kept.push(response);
  }

  fail(error: InferenceError): void {
    this.failures.push(error);
  }

  get texts(): string[] {
    return this.taken.map(({ text }) => text);
  }

  release(): void {
    for (const response of this.kept.splice(0)) response.release();
  }
}

async function give(id: string, text: string, isFinal: boolean): Promise<void> {
  const { request, sink } = asked.get(id)!;
  const bytes = Buffer.from(text);
  sink.next(link.fake.respond(request, [output(tensor('OUT', 'UINT8', [bytes.length], bytes))]), isFinal);
  await link.settle();
}

async function expectNothingOpen(): Promise<void> {
  await link.settle();
  expect([link.server.arena.openCount, link.host.openAllocations, link.fake.unreleased]).toEqual([0, 0, 0]);
  expect([link.budgets.host.totalBytes, link.budgets.frontend.totalBytes]).toEqual([0, 0]);
}

describe('several responses of one request', () => {
  it('arrive in order, and the last one is said to be final', async () => {
    const taker = new Taker('a');
    await link.settle();
    for (const text of ['one', 'two', 'three']) await give('a', text, text === 'three');
    expect(taker.taken).toEqual([
      { text: 'one', isFinal: false },
      { text: 'two', isFinal: false },
      { text: 'three', isFinal: true },
    ]);
    taker.release();
    await expectNothingOpen();
  });

  it('are released in any order, and each keeps its bytes until then', async () => {
    const taker = new Taker('a');
    await link.settle();
    const texts = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(20_000));
    for (const [i, text] of texts.entries()) await give('a', text, i === 7);
    const [first, , third, ...others] = taker.kept;
    third.release();
    third.release();
    await link.settle();
    const other = new Taker('b');
    await link.settle();
    await give('b', 'x'.repeat(20_000), true);
    expect(Buffer.from(hostBytes(first.outputs[0].data)).toString()).toBe(texts[0]);
    for (const response of others.reverse()) response.release();
    taker.kept[1].release();
    other.release();
    first.release();
    await expectNothingOpen();
  });

  it('of calls that are interleaved reach each its own caller', async () => {
    const takers = Array.from({ length: 10 }, (_, i) => new Taker(`${i}`));
    await link.settle();
    for (let part = 0; part < 5; part++) for (let i = 0; i < 10; i++) await give(`${i}`, `${i}.${part}`, part === 4);
    for (const [i, taker] of takers.entries()) {
      expect(taker.texts).toEqual([0, 1, 2, 3, 4].map((part) => `${i}.${part}`));
      taker.release();
    }
    await expectNothingOpen();
  });

  it('keep the number of their call until all are released', async () => {
    const taker = new Taker('a');
    await link.settle();
    await give('a', 'one', false);
    await give('a', 'two', true);
    taker.kept[1].release();
    // The first is still held, so this one must not get its number.
    const other = new Taker('b');
    await link.settle();
    await give('b', 'three', true);
    expect([taker.texts, other.texts]).toEqual([['one', 'two'], ['three']]);
    expect(Buffer.from(hostBytes(taker.kept[0].outputs[0].data)).toString()).toBe('one');
    taker.release();
    other.release();
    await expectNothingOpen();
  });

  it('leave the request where it is until the last', async () => {
    const taker = new Taker('a', 500);
    await link.settle();
    await give('a', 'one', false);
    taker.release();
    await link.settle();
    expect(link.server.arena.openCount).toBeGreaterThan(0);
    await give('a', 'two', true);
    taker.release();
    await expectNothingOpen();
  });

  it('may end in a failure, and earlier responses stay valid', async () => {
    const taker = new Taker('a');
    await link.settle();
    await give('a', 'one', false);
    asked.get('a')!.sink.fail(internal('the model has had enough'));
    await link.settle();
    expect(taker.failures.map(({ message }) => message)).toEqual(['the model has had enough']);
    expect(Buffer.from(hostBytes(taker.kept[0].outputs[0].data)).toString()).toBe('one');
    taker.release();
    await expectNothingOpen();
  });

  it('reach a caller who leaves between them until the request has ended', async () => {
    const taker = new Taker('a');
    await link.settle();
    await give('a', 'one', false);
    taker.cancellation.cancel();
    await link.settle();
    expect(link.fake.last.context.cancellation.cancelled).toBe(true);
    await give('a', 'two', false);
    asked.get('a')!.sink.fail(cancelled('the caller has left'));
    await link.settle();
    expect(taker.texts).toEqual(['one', 'two']);
    expect(taker.failures.map(({ code }) => code)).toEqual(['cancelled']);
    taker.release();
    await expectNothingOpen();
  });

  it('are dropped when their thread has ended between them', async () => {
    new Taker('a');
    await link.settle();
    await give('a', 'one', false);
    link.host.threadEnded();
    expect(link.fake.last.context.cancellation.cancelled).toBe(true);
    await give('a', 'two', false);
    await give('a', 'three', true);
    expect(link.fake.unreleased).toBe(0);
    expect(link.budgets.host.totalBytes).toBe(0);
  });

  it('end with the reason when one cannot be sent, and the request is cancelled', async () => {
    use(linkFixture(true, 100_000));
    link.budgets.host.add(60_000);
    const taker = new Taker('a');
    await link.settle();
    await give('a', 'one', false);
    await give('a', 'x'.repeat(50_000), false);
    expect(taker.failures).toEqual([]);
    expect(link.fake.last.context.cancellation.cancelled).toBe(true);
    await give('a', 'two', false);
    asked.get('a')!.sink.fail(cancelled('the caller has left'));
    await link.settle();
    expect(taker.texts).toEqual(['one']);
    expect(taker.failures.map(({ code }) => code)).toEqual(['resource_exhausted']);
    taker.release();
    link.budgets.host.release(60_000);
    await expectNothingOpen();
  });

  it('end with the reason also when the last one is a response', async () => {
    use(linkFixture(true, 100_000));
    link.budgets.host.add(60_000);
    const taker = new Taker('a');
    await link.settle();
    await give('a', 'x'.repeat(50_000), false);
    await give('a', 'two', true);
    expect(taker.taken).toEqual([]);
    expect(taker.failures.map(({ code }) => code)).toEqual(['resource_exhausted']);
    link.budgets.host.release(60_000);
    await expectNothingOpen();
  });
});

describe('parts that the frontend thread has not read', () => {
  const limit = 4 * 1024 * 1024;
  beforeEach(() => {
    link.close();
    use(linkFixture(false, limit));
  });

  /** Parts of 1 KiB until the model is told to stop, or so many. The frontend thread hears of none of them. */
  function pour(id: string, most: number): number {
    const { request, sink } = asked.get(id)!;
    const { cancellation } = link.fake.last.context;
    const bytes = Buffer.alloc(1024, 'x');
    let given = 0;
    for (; given < most && !cancellation.cancelled; given++) {
      sink.next(link.fake.respond(request, [output(tensor('OUT', 'UINT8', [bytes.length], bytes))]), false);
    }
    return given;
  }

  it('take a share of the budget, then the request ends with the reason and the model is told to stop', async () => {
    const taker = new Taker('a');
    await link.settle();
    const given = pour('a', 6000);
    expect([given > 500, given < 2050]).toEqual([true, true]);
    expect(link.budgets.host.totalBytes).toBeLessThanOrEqual(limit / 2 + 1024);
    asked.get('a')!.sink.fail(cancelled('the caller has left'));
    await link.settle();
    expect(taker.taken).toHaveLength(given - 1);
    expect(taker.failures.map(({ code }) => code)).toEqual(['resource_exhausted']);
    taker.release();
    await expectNothingOpen();
  });

  it('leave other requests what they need', async () => {
    const slow = new Taker('slow');
    await link.settle();
    pour('slow', 6000);
    const other = new Taker('other');
    await link.settle();
    await give('other', 'y'.repeat(500_000), true);
    expect(other.texts.map((text) => text.length)).toEqual([500_000]);
    asked.get('slow')!.sink.fail(cancelled('the caller has left'));
    await link.settle();
    slow.release();
    other.release();
    await expectNothingOpen();
  });

  it('are many when it reads', async () => {
    const taker = new Taker('a');
    await link.settle();
    for (let round = 0; round < 20; round++) {
      expect(pour('a', 500)).toBe(500);
      await link.settle();
      taker.release();
      await link.settle();
    }
    await give('a', 'end', true);
    expect([taker.taken.length, taker.failures]).toEqual([10_001, []]);
    taker.release();
    await expectNothingOpen();
  });
});
