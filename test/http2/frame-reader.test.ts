import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConnectionError } from '../../src/http2/error-code.ts';
import { FrameReader, type FrameReceiver } from '../../src/http2/frame-reader.ts';
import { data, errorCode, frame, frameFlag, frameHead, frameType, headers, ping, preface } from './frame-bytes.ts';

/** Keeps what it is handed, with the pieces of DATA put together again. */
class Recorder implements FrameReceiver {
  readonly frames: string[] = [];
  readonly pieces: number[] = [];
  readonly #mostTaken: number;
  #content: Buffer[] | null = null;
  #head = '';
  #left = 0;

  /** @param mostTaken of a piece of DATA at a time */
  constructor(mostTaken = Infinity) {
    this.#mostTaken = mostTaken;
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    expect(this.#content).toBeNull();
    this.frames.push(`${type}/${flags}/${streamId} ${bytes.toString('hex', start, end)}`);
  }

  onDataFrame(flags: number, streamId: number, length: number): void {
    expect(this.#content).toBeNull();
    this.#content = [];
    this.#head = `data ${flags}/${streamId}`;
    this.#left = length;
  }

  onDataPadding(bytes: number, hasContent: boolean): void {
    this.#left -= bytes;
    this.#head += ` padding ${bytes}`;
    expect(this.#left > 0).toBe(hasContent);
  }

  onDataPiece(bytes: Buffer, start: number, end: number): number {
    expect(end).toBeGreaterThan(start);
    const to = Math.min(end, start + this.#mostTaken);
    this.#left -= to - start;
    this.pieces.push(to - start);
    this.#content!.push(Buffer.from(bytes.subarray(start, to)));
    return to;
  }

  onDataFrameEnd(): void {
    expect(this.#left).toBe(0);
    this.frames.push(`${this.#head} ${Buffer.concat(this.#content!).toString('hex')}`);
    this.#content = null;
  }
}

const maxDataBytes = 100_000;

/** A turn that is never over. */
const endless = { isOver: () => false };

/** Pushes the bytes in pieces of these sizes, each by way of one buffer that is overwritten behind it, as sockets do. */
function read(bytes: Buffer, sizes: readonly number[]): Recorder {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, endless, maxDataBytes);
  const shared = Buffer.alloc(bytes.length + 10);
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.min(bytes.length - at, sizes[i % sizes.length] ?? bytes.length);
    shared.fill(0xee);
    bytes.copy(shared, 3, at, at + size);
    reader.push(shared, 3, 3 + size);
    at += size;
  }
  expect(reader.hasPreface).toBe(true);
  return recorder;
}

const anyFrame = fc
  .record({
    type: fc.oneof(fc.constantFrom(...Object.values(frameType)), fc.nat(255)),
    flags: fc.nat(255),
    streamId: fc.nat(2 ** 31 - 1),
    content: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 300, maxLength: 900 })),
  })
  .map(({ type, flags, streamId, content }) => {
    // The padding of DATA has to fit.
    if (type !== frameType.data || (flags & frameFlag.padded) === 0) return frame(type, flags, streamId, content);
    return frame(type, flags, streamId, Buffer.of((content[0] ?? 0) % (content.length + 1), ...content));
  });

describe('FrameReader', () => {
  it('hands over the same frames however the bytes are cut', () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 2000 })), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(fc.array(anyFrame, { minLength: 1, maxLength: 8 }), sizes, (frames, cuts) => {
        const bytes = Buffer.concat([preface, ...frames]);
        const whole = read(bytes, [bytes.length]).frames;
        expect(whole).toHaveLength(frames.length);
        expect(read(bytes, cuts).frames).toEqual(whole);
      }),
      { numRuns: 400 },
    );
  });

  it('hands over the same frames from single bytes and from every cut in two', () => {
    const frames = [ping(), data(1, Buffer.from('abc')), data(3, Buffer.alloc(0), 1), headers(5, Buffer.from('xyz'))];
    const bytes = Buffer.concat([preface, ...frames, data(7, Buffer.from([1, 9, 0]), frameFlag.padded)]);
    const whole = read(bytes, [bytes.length]).frames;
    expect(whole).toHaveLength(5);
    expect(read(bytes, [1]).frames).toEqual(whole);
    for (let at = 1; at < bytes.length; at++) expect(read(bytes, [at, bytes.length]).frames).toEqual(whole);
  });

  it('hands over the content of DATA as it comes and never waits for more', () => {
    const one = data(1, Buffer.alloc(100, 5));
    expect(read(Buffer.concat([preface, one]), [24 + 9 + 60, 30, 10]).pieces).toEqual([60, 30, 10]);
  });

  it('hands over again what its receiver leaves', () => {
    const recorder = new Recorder(40);
    const bytes = Buffer.concat([preface, data(1, Buffer.alloc(100, 5)), ping()]);
    const reader = new FrameReader(recorder, endless, maxDataBytes);
    expect(reader.push(bytes, 0, bytes.length)).toBe(bytes.length);
    expect(recorder.pieces).toEqual([40, 40, 20]);
    expect(recorder.frames).toEqual(read(bytes, [bytes.length]).frames);
  });

  it('stops after a step when the turn is over, and goes on from there', () => {
    const recorder = new Recorder(60);
    const bytes = Buffer.concat([preface, ping(), data(1, Buffer.alloc(100, 5)), ping()]);
    const reader = new FrameReader(recorder, { isOver: () => true }, maxDataBytes);
    const stops: number[] = [];
    for (let at = 0; at < bytes.length; stops.push(at)) at = reader.push(bytes, at, bytes.length);
    expect(stops).toEqual([17, 26, 86, 126, 143].map((at) => at + preface.length));
    expect(recorder.frames).toEqual(read(bytes, [bytes.length]).frames);
  });

  it('hands over the content of padded DATA as it comes, and drops the padding', () => {
    const one = data(1, Buffer.from([2, 7, 8, 9, 0, 0]), frameFlag.padded);
    const recorder = read(Buffer.concat([preface, one, ping()]), [24 + 9 + 2, 1, 2]);
    expect(recorder.frames[0]).toBe('data 8/1 padding 3 070809');
    expect([recorder.pieces, recorder.frames.length]).toEqual([[1, 1, 1], 2]);
    const empty = data(1, Buffer.from([2, 0, 0]), frameFlag.padded);
    expect(read(Buffer.concat([preface, empty, ping()]), [1]).frames[0]).toBe('data 8/1 padding 3 ');
  });

  it('refuses padding that is longer than its frame, and none at all', () => {
    const padded =
      (...content: number[]) =>
      () =>
        read(Buffer.concat([preface, data(1, Buffer.from(content), frameFlag.padded)]), [1]);
    expect(padded()).toThrow(expect.objectContaining({ code: errorCode.frameSize }));
    for (const content of [[1], [3, 7, 7]]) {
      expect(padded(...content)).toThrow(expect.objectContaining({ code: errorCode.protocol }));
    }
  });

  it('leaves out the reserved bit of a stream', () => {
    const one = frame(frameType.ping, 0, 2 ** 31 + 5, Buffer.alloc(8));
    expect(read(Buffer.concat([preface, one]), [100]).frames[0]).toMatch(/^6\/0\/5 /);
  });

  it('takes frames of 16384 bytes', () => {
    const two = [headers(1, Buffer.alloc(16_384)), data(1, Buffer.alloc(16_384))];
    expect(read(Buffer.concat([preface, ...two]), [1000]).frames).toHaveLength(2);
  });

  it.each([16_385, maxDataBytes])('takes DATA of %d bytes', (length) => {
    const content = Buffer.from(Array.from({ length }, (_, i) => i % 251));
    const bytes = Buffer.concat([preface, ping(), data(1, content), ping()]);
    const whole = read(bytes, [bytes.length]);
    expect([whole.frames.length, whole.pieces]).toEqual([3, [length]]);
    expect(whole.frames[1]?.endsWith(` ${content.toString('hex')}`)).toBe(true);
    for (const sizes of [[1000], [24 + 17 + 3], [24 + 17 + 9, 15_000]]) {
      expect(read(bytes, sizes).frames).toEqual(whole.frames);
    }
  });

  it.each(Object.entries(frameType))('refuses a larger one of %s by its head alone', (_, type) => {
    for (const length of [(type === frameType.data ? maxDataBytes : 16_384) + 1, 2 ** 24 - 1]) {
      for (const cut of [1, 9]) {
        const act = () => read(Buffer.concat([preface, frameHead(length, type, 0, 1)]), [24, cut, 9]);
        expect(act).toThrow(ConnectionError);
        expect(act).toThrow(expect.objectContaining({ code: errorCode.frameSize }));
      }
    }
  });

  it('refuses a preface that is another protocol at the first byte that differs', () => {
    for (let at = 0; at < preface.length; at++) {
      const reader = new FrameReader(new Recorder(), endless, maxDataBytes);
      const wrong = Buffer.from(preface);
      wrong[at] ^= 0x20;
      reader.push(wrong, 0, at);
      expect(() => reader.push(wrong, at, at + 1)).toThrow(expect.objectContaining({ code: errorCode.protocol }));
    }
  });
});
