/** Where V8 allocates decoded fields. A file of its own, because other tests would fill the heap that it measures. */

import v8 from 'node:v8';
import { expect, it } from 'vitest';
import { HpackDecoder } from '../../../src/http2/hpack/decoder.ts';
import { field, requestBlock } from '../frame-bytes.ts';

const MiB = 1024 * 1024;
const block = requestBlock('/s/M', ...[0, 1, 2].map((i) => field(`x-${i}`, 'v'.repeat(4000))));
/** So many lists live long that V8 would allocate the next ones of the same kind in the old generation. */
const kept = 4000;
const dropped = 20_000;

const oldMiB = (): number => {
  const spaces = v8.getHeapSpaceStatistics().filter(({ space_name: name }) => /old|large_object/.test(name));
  return spaces.reduce((bytes, { space_used_size: used }) => bytes + used, 0) / MiB;
};

it('fields that are dropped at once are not in the old generation, though many before them live long', () => {
  const decoder = new HpackDecoder(4096, 16_384);
  const alive = Array.from({ length: kept }, () => decoder.decode(block, 0, block.length));
  const beforeMiB = oldMiB();
  let mostMiB = 0;
  for (let i = 0; i < dropped; i++) {
    decoder.decode(block, 0, block.length);
    if (i % 100 === 0) mostMiB = Math.max(mostMiB, oldMiB());
  }
  expect(alive).toHaveLength(kept);
  // 230 MiB of fields are dropped. Young survivors of kept lists may still move.
  expect(mostMiB - beforeMiB).toBeLessThan(64);
}, 60_000);
