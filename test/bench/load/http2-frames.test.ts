import { describe, expect, it } from 'vitest';

import { FrameReader, frame, frameFlag, frameType, settings, unpadded } from '../../../bench/load/http2-frames.ts';

function read(parts: readonly Buffer[]): string[] {
  const seen: string[] = [];
  const reader = new FrameReader((type, flags, id, content) => seen.push(`${type} ${flags} ${id} ${content}`));
  for (const part of parts) reader.push(part);
  return seen;
}

describe('FrameReader', () => {
  const stream = Buffer.concat([
    settings([]),
    frame(frameType.body, frameFlag.endStream, 0x7fff_ffff, Buffer.from('body')),
    frame(frameType.ping, 0, 0, Buffer.from('12345678')),
  ]);
  const expected = ['4 0 0 ', '0 1 2147483647 body', '6 0 0 12345678'];

  it('gives the same frames wherever the stream is split', () => {
    expect(read([stream])).toEqual(expected);
    for (let at = 1; at < stream.length; at += 1) {
      expect(read([stream.subarray(0, at), stream.subarray(at)])).toEqual(expected);
    }
  });
});

describe('unpadded', () => {
  it('takes padding and priority fields off', () => {
    const flags = frameFlag.padded | frameFlag.priority;
    const content = Buffer.from([2, 0, 0, 0, 0, 9, 65, 66, 0, 0]);
    expect(unpadded(frameType.headers, flags, content).toString()).toBe('AB');
    expect(unpadded(frameType.body, 0, content)).toEqual(content);
  });

  it('refuses padding that is longer than its frame', () => {
    expect(() => unpadded(frameType.body, frameFlag.padded, Buffer.from([9, 1, 1]))).toThrow('padding');
  });
});
