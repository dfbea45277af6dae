import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { FrameWriter } from '../../src/http2/frame-writer.ts';
import { Http2Stream, type StreamConnection } from '../../src/http2/stream.ts';
import { StreamTable } from '../../src/http2/stream-table.ts';

// Streams that hold nothing use neither.
const newTable = () => new StreamTable({} as FrameWriter);
const newStream = (id: number) => new Http2Stream(id, {} as StreamConnection, 1000, 1000);

describe('StreamTable', () => {
  it('is a map of streams in the order in which they were opened', () => {
    const step = fc.oneof(fc.constant('open' as const), fc.nat());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const table = newTable();
        const open = new Map<number, Http2Stream>();
        let lastId = -1;
        for (const what of steps) {
          if (what === 'open') {
            lastId += 2;
            const stream = newStream(lastId);
            table.add(stream);
            open.set(lastId, stream);
          } else if (open.size > 0) {
            const stream = [...open.values()][what % open.size]!;
            table.remove(stream, what % 2 === 0);
            open.delete(stream.id);
            expect([table.wasResetByUs(stream.id), table.hasEnded(stream.id)]).toEqual([
              what % 2 === 0,
              what % 2 === 1,
            ]);
          }
          expect([table.size, table.all()]).toEqual([open.size, [...open.values()]]);
          for (let id = -1; id <= lastId + 2; id++) expect(table.get(id)).toBe(open.get(id));
        }
        table.closeAll();
        expect([table.size, table.all()]).toEqual([0, []]);
        for (const stream of open.values()) expect(stream.isClosed).toBe(true);
      }),
    );
  });

  it('removes a stream once', () => {
    const table = newTable();
    const [first, second] = [newStream(1), newStream(3)];
    table.add(first);
    table.add(second);
    table.remove(first, false);
    table.remove(first, true);
    expect([table.size, table.hasEnded(1), table.wasResetByUs(1)]).toEqual([1, true, false]);
  });
});
