/** The share of a connection in outstanding requests, with streams that only count. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  maxOutstanding,
  type SharingStream,
  type StreamShare,
  StreamShares,
} from '../../../../src/frontends/grpc/infer/stream-share.ts';

/** Reads its messages as the handler of a stream does: one is always read, more while there is room. */
class CountingStream implements SharingStream {
  readonly share: StreamShare;
  /** Messages that wait to be read. */
  left: number;
  outstanding = 0;
  answered = 0;

  constructor(share: StreamShare, left: number) {
    this.share = share;
    this.left = left;
  }

  read(): void {
    while (this.left > 0) {
      if (this.outstanding > 0 && this.share.isFull) {
        this.share.wait(this);
        return;
      }
      this.left--;
      this.outstanding++;
      this.share.add();
    }
  }

  answer(count: number): void {
    const some = Math.min(count, this.outstanding);
    this.outstanding -= some;
    this.answered += some;
    this.share.remove(some);
    this.read();
  }
}

const streams = (counts: readonly number[]): CountingStream[] => {
  const shares = new StreamShares();
  return counts.map((count) => new CountingStream(shares.open(7), count));
};

const sumOf = (all: readonly CountingStream[]): number => all.reduce((sum, { outstanding }) => sum + outstanding, 0);

describe('the streams of a connection', () => {
  it('have at most 1024 requests outstanding together, and one each beyond that', () => {
    const all = streams([700, 700, 5, 5]);
    for (const stream of all) stream.read();
    expect(all.map(({ outstanding }) => outstanding)).toEqual([700, 324, 1, 1]);
  });

  it('read on as room is made, those first that waited first', () => {
    const all = streams([1024, 5, 5]);
    for (const stream of all) stream.read();
    all[0].answer(2);
    expect(all.map(({ outstanding }) => outstanding)).toEqual([1022, 1, 1]);
    all[0].answer(3);
    expect(all.map(({ outstanding }) => outstanding)).toEqual([1019, 4, 1]);
    all[0].answer(4);
    expect(all.map(({ outstanding }) => outstanding)).toEqual([1015, 4, 5]);
  });

  it('are not told any more when they have ended', () => {
    const [full, ended, other] = streams([1024, 5, 5]) as [CountingStream, CountingStream, CountingStream];
    for (const stream of [full, ended, other]) stream.read();
    ended.share.forget(ended);
    full.answer(10);
    expect([ended.outstanding, other.outstanding]).toEqual([1, 5]);
  });

  it('get everything answered, in any order of answers', () => {
    const counts = fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 6 });
    const answers = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 400 })), { maxLength: 30 });
    const property = fc.property(counts, answers, (some, rounds) => {
      const all = streams(some);
      for (const stream of all) stream.read();
      const bound = maxOutstanding + all.length;
      for (const [at, count] of rounds) {
        all[at % all.length].answer(count);
        expect(sumOf(all)).toBeLessThanOrEqual(bound);
      }
      while (sumOf(all) > 0) for (const stream of all) stream.answer(100);
      expect(all.map(({ answered }) => answered)).toEqual(some);
    });
    fc.assert(property, { numRuns: 100 });
  });
});

describe('shares', () => {
  it('are one for each connection while it has streams', () => {
    const shares = new StreamShares();
    const first = shares.open(1);
    expect(shares.open(1)).toBe(first);
    expect(shares.open(2)).not.toBe(first);
    shares.close(1, first);
    expect(shares.open(1)).toBe(first);
    shares.close(1, first);
    shares.close(1, first);
    expect(shares.open(1)).not.toBe(first);
  });

  it('are one for each stream where the connection is not known', () => {
    const shares = new StreamShares();
    expect(shares.open(0)).not.toBe(shares.open(0));
  });
});
