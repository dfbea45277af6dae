import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SliceQueue } from '../../src/frontends/slice-queue.ts';
import { type PageOutput, scrapeRefusal, writePage } from '../../src/observability/metrics-frontend.ts';
import { FakeClock } from '../fakes/fake-clock.ts';

describe('a request to the metrics port', () => {
  it('is answered with the metrics at /metrics, whatever the query, scheme and host', () => {
    for (const target of ['/metrics', '/metrics/', '/metrics?name[]=x', 'http://server:8002/metrics?x']) {
      expect(scrapeRefusal('GET', target)).toBeNull();
      expect(scrapeRefusal('HEAD', target)).toBeNull();
    }
  });

  it('is answered 404 with the right path elsewhere', () => {
    const refusal = scrapeRefusal('GET', '/');
    expect(refusal?.status).toBe(404);
    expect(refusal?.body).toContain('/metrics');
  });

  it('is answered 405 and the allowed methods if it is anything but GET and HEAD', () => {
    const refusal = scrapeRefusal('POST', '/metrics');
    expect(refusal?.status).toBe(405);
    expect(refusal?.headers.Allow).toBe('GET, HEAD');
  });
});

/** A scraper that takes pieces when the test says so. */
class Scraper extends EventEmitter implements PageOutput {
  readonly got: string[] = [];
  isFull = false;
  destroyed = false;

  write(text: string): boolean {
    this.got.push(text);
    return !this.isFull;
  }

  take(): void {
    this.isFull = false;
    this.emit('drain');
  }

  leave(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

/** Lets promises settle; a turn of the fake clock does not. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const turn = async (clock: FakeClock): Promise<void> => {
  clock.turn();
  await settled();
};

const page = (...pieces: string[]): Iterator<string> => pieces[Symbol.iterator]();

describe('a page', () => {
  it('is written one piece a turn', async () => {
    const clock = new FakeClock();
    const scraper = new Scraper();
    const whole = writePage(page('a', 'b', 'c'), scraper, new SliceQueue(clock));
    expect(scraper.got).toEqual(['a']);
    await turn(clock);
    expect(scraper.got).toEqual(['a', 'b']);
    await turn(clock);
    await turn(clock);
    await whole;
    expect(scraper.got).toEqual(['a', 'b', 'c']);
    expect(clock.waitingCount).toBe(0);
  });

  it('is written one piece a turn for all scrapers together', async () => {
    const clock = new FakeClock();
    const slices = new SliceQueue(clock);
    const [first, second] = [new Scraper(), new Scraper()];
    const both = [writePage(page('a', 'b'), first, slices), writePage(page('a', 'b'), second, slices)];
    const written = () => first.got.length + second.got.length;
    for (const expected of [3, 4, 4, 4]) {
      await turn(clock);
      expect(written()).toBe(expected);
    }
    await Promise.all(both);
  });

  it('waits for a scraper that is slow, and makes no piece before it has taken the last', async () => {
    const clock = new FakeClock();
    const scraper = new Scraper();
    scraper.isFull = true;
    let made = 0;
    const pieces = { next: () => ({ done: ++made > 3, value: String(made) }) as IteratorResult<string> };
    const whole = writePage(pieces, scraper, new SliceQueue(clock));
    for (let i = 0; i < 5; i += 1) await turn(clock);
    expect(made).toBe(1);
    scraper.take();
    await settled();
    for (let i = 0; i < 5; i += 1) await turn(clock);
    await whole;
    expect(scraper.got).toEqual(['1', '2', '3']);
    expect(scraper.listenerCount('close') + scraper.listenerCount('drain')).toBe(0);
  });

  it('ends when its scraper leaves, while it waits for it or in between', async () => {
    for (const isFull of [true, false]) {
      const clock = new FakeClock();
      const scraper = new Scraper();
      scraper.isFull = isFull;
      const whole = writePage(page('a', 'b', 'c'), scraper, new SliceQueue(clock));
      scraper.leave();
      await settled();
      await turn(clock);
      await whole;
      expect(scraper.got).toEqual(['a']);
      expect(clock.waitingCount).toBe(0);
    }
  });

  it('is not begun for a scraper that has left', async () => {
    const scraper = new Scraper();
    scraper.isFull = true;
    scraper.leave();
    await writePage(page('a', 'b'), scraper, new SliceQueue(new FakeClock()));
    expect(scraper.got).toEqual([]);
  });

  it('fails with the piece that cannot be made', async () => {
    const clock = new FakeClock();
    const pieces = {
      next: () => {
        throw new Error('no');
      },
    };
    await expect(writePage(pieces, new Scraper(), new SliceQueue(clock))).rejects.toThrow('no');
  });
});
