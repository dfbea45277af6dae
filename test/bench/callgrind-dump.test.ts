import { describe, expect, it } from 'vitest';

import { dumpedInstructions } from '../../bench/process/callgrind-dump.ts';

const dump = (...last: string[]): string =>
  [
    '# callgrind format',
    'version: 1',
    'thread: 1',
    'desc: Trigger: dump',
    'positions: line',
    'events: Ir',
    'summary: 7',
    '',
    'ob=(1) /usr/bin/node',
    'fn=(1) totals: 5',
    '0 400',
    '',
    ...last,
    '',
  ].join('\n');

describe('dumpedInstructions', () => {
  it('reads the total', () => {
    expect(dumpedInstructions(dump('totals: 451388077'))).toBe(451_388_077);
  });

  it('refuses a dump that was cut off', () => {
    expect(() => dumpedInstructions(dump())).toThrow("expected a line 'totals: N', got none");
  });

  it('refuses counts of something else', () => {
    expect(() => dumpedInstructions(dump('totals: 7 8').replace('events: Ir', 'events: Ir Dr'))).toThrow(
      "expected the line 'events: Ir', got events 'Ir Dr'",
    );
  });
});
