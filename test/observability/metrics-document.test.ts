import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TurnCounts } from '../../src/event-loop/turn-counts.ts';
import { type MachineProbes, machineFamilies } from '../../src/observability/machine-metrics.ts';
import {
  countFamilies,
  durationFamilies,
  histogramFamilies,
  summaryFamilies,
} from '../../src/observability/metric-families.ts';

/** Columns may be aligned; the test does not care. */
const document = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8').replace(/ +/g, ' ');

const everyProbe: MachineProbes = {
  host: () => null,
  gpu: { read: () => [] },
  pinnedMemory: () => ({ totalBytes: 0, usedBytes: 0 }),
  process: () => ({
    cpuSeconds: 0,
    residentBytes: 0,
    startTimeSeconds: 0,
    eventLoopUtilization: 0,
  }),
  inflightBytes: () => 0,
  turns: TurnCounts.of(1),
};

describe('docs/metrics.md', () => {
  it('names every metric with its type', () => {
    const families = [
      ...countFamilies,
      ...durationFamilies,
      ...histogramFamilies,
      ...summaryFamilies,
      ...machineFamilies(everyProbe, 1, () => 0),
    ];
    const missing = families.filter(({ name, type }) => !document.includes(`| \`${name}\` | ${type} |`));
    expect(missing.map(({ name, type }) => `${name} ${type}`)).toEqual([]);
  });

  it('names no metric that there is not', () => {
    const named = [...document.matchAll(/^\| `([a-z_]+)` \| (?:counter|gauge|histogram|summary) \|/gm)].map(
      (match) => match[1],
    );
    const known = new Set(
      [
        ...countFamilies,
        ...durationFamilies,
        ...histogramFamilies,
        ...summaryFamilies,
        ...machineFamilies(everyProbe, 1, () => 0),
      ].map(({ name }) => name),
    );
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    expect(new Set(named).size).toBe(known.size);
  });
});
