import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderField } from '../../../src/http2/header-field.ts';
import { DynamicTable } from '../../../src/http2/hpack/dynamic-table.ts';

/** A field of exactly this size. */
const sized = (bytes: number) => new HeaderField('', 'v'.repeat(bytes - 32));

const contents = (table: DynamicTable) => Array.from({ length: table.length }, (_, position) => table.at(position));

describe('DynamicTable', () => {
  it('has its newest entry at position 0', () => {
    const table = new DynamicTable(4096);
    const [a, b] = [sized(40), sized(50)];
    table.add(a);
    table.add(b);
    expect(contents(table)).toEqual([b, a]);
    expect([table.length, table.sizeBytes, table.inserted]).toEqual([2, 90, 2]);
    expect(table.at(2)).toBeUndefined();
  });

  it('evicts the oldest entries until the new one fits, and tells of each', () => {
    const evicted: HeaderField[] = [];
    const table = new DynamicTable(100, (field) => evicted.push(field));
    const [a, b, c, d] = [sized(40), sized(60), sized(33), sized(100)];
    table.add(a);
    table.add(b);
    expect(evicted).toEqual([]);
    table.add(c);
    expect(evicted).toEqual([a]);
    table.add(d);
    expect(evicted).toEqual([a, b, c]);
    expect(contents(table)).toEqual([d]);
  });

  it('is emptied by an entry larger than itself, which is not added', () => {
    const table = new DynamicTable(100);
    table.add(sized(50));
    table.add(sized(101));
    expect([table.length, table.sizeBytes, table.inserted]).toEqual([0, 0, 1]);
    expect(table.at(0)).toBeUndefined();
  });

  it('evicts when it is made smaller and keeps the rest when it is made larger', () => {
    const table = new DynamicTable(200);
    const [a, b] = [sized(50), sized(60)];
    table.add(a);
    table.add(b);
    table.resize(110);
    expect(contents(table)).toEqual([b, a]);
    table.resize(109);
    expect(contents(table)).toEqual([b]);
    table.resize(4096);
    expect(contents(table)).toEqual([b]);
    table.resize(0);
    expect(contents(table)).toEqual([]);
    table.add(a);
    expect(contents(table)).toEqual([]);
  });

  it('behaves as a list with the newest entry first, for any operations', () => {
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ kind: fc.constant('add' as const), bytes: fc.integer({ min: 32, max: 80 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('resize' as const), bytes: fc.nat(3000) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new DynamicTable(2000);
        let maxBytes = 2000;
        let list: HeaderField[] = [];
        const trim = () => {
          while (list.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > maxBytes) list = list.slice(0, -1);
        };
        for (const { kind, bytes } of steps) {
          if (kind === 'resize') {
            maxBytes = bytes;
            table.resize(bytes);
          } else {
            const field = sized(bytes);
            list = [field, ...list];
            table.add(field);
          }
          trim();
        }
        const held = contents(table);
        expect(held.length).toBe(list.length);
        expect(held.every((field, position) => field === list[position])).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
