/**
 * All loads of one model version that have the same metric labels, shown as one set of series. During a reload two of
 * them exist at once, and a scrape must neither find a label set twice nor see a counter fall. So their counts are
 * added up, and the counts of an unloaded one are kept as long as a later one exists.
 */

import type { VersionIdentity } from '../lifecycle/version-statistics.ts';
import { SeriesLabels } from './exposition.ts';
import type { Histogram } from './histogram.ts';
import type { Histograms, Windows } from './latency-distributions.ts';
import type { LatencyWindow } from './latency-window.ts';
import { cellCount, type VersionCounters } from './model-statistics.ts';

/** A label name that the exposition format allows; a metric tag may be any text. */
const labelName = (text: string): string => text.replace(/[^a-zA-Z0-9_]/g, '_');

/** Of tags that get the same name the first one counts, and none replaces a label of the server. */
function labelsOf({ model, version, gpuUuid, metricTags }: VersionIdentity): SeriesLabels {
  const labels = new Map([
    ['model', model],
    ['version', String(version)],
  ]);
  if (gpuUuid !== null) labels.set('gpu_uuid', gpuUuid);
  for (const [tag, value] of metricTags) {
    const name = labelName(tag);
    if (!labels.has(name)) labels.set(name, value);
  }
  return new SeriesLabels([...labels]);
}

export class VersionSeries {
  readonly labels: SeriesLabels;
  readonly #loads: VersionCounters[] = [];
  readonly #retiredCells = new Float64Array(cellCount);
  readonly #retiredHistograms: Partial<Record<keyof Histograms, Histogram>> = {};

  constructor(identity: VersionIdentity) {
    this.labels = labelsOf(identity);
  }

  /** Equal for identities whose labels are equal. */
  get key(): string {
    return this.labels.text;
  }

  get isEmpty(): boolean {
    return this.#loads.length === 0;
  }

  add(load: VersionCounters): void {
    this.#loads.push(load);
  }

  retire(load: VersionCounters): void {
    const index = this.#loads.indexOf(load);
    if (index < 0) return;
    this.#loads.splice(index, 1);
    for (const [at, count] of load.cells.entries()) (this.#retiredCells[at] as number) += count;
    for (const key of Object.keys(load.histograms ?? {}) as (keyof Histograms)[]) this.#keep(key, load);
  }

  /** Sum of one cell over all loads of the version, unloaded ones included. */
  total(cell: number): number {
    return (this.#retiredCells[cell] as number) + this.current(cell);
  }

  /** Sum of one cell over the loads that still exist; for gauges. */
  current(cell: number): number {
    return this.#loads.reduce((sum, load) => sum + (load.cells[cell] as number), 0);
  }

  /** The latest load that has finished; 0 before the first. */
  get loadSeconds(): number {
    return this.#loads.findLast((load) => load.loadSeconds !== null)?.loadSeconds ?? 0;
  }

  /**
   * Null when the family is not kept, or nothing was observed yet. Loads with other buckets than those of the newest one
   * are left out.
   */
  histogram(key: keyof Histograms): Histogram | null {
    const newest = this.#loads.at(-1)?.histograms?.[key] ?? null;
    if (newest === null) return null;
    const retired = this.#retiredHistograms[key];
    // By far the most frequent case needs no sum.
    if (retired === undefined && this.#loads.length === 1) return newest.count > 0 ? newest : null;
    const sum = newest.emptied();
    if (retired?.hasBoundsOf(sum)) sum.add(retired);
    for (const load of this.#loads) {
      const histogram = load.histograms?.[key];
      if (histogram?.hasBoundsOf(sum)) sum.add(histogram);
    }
    return sum.count > 0 ? sum : null;
  }

  /** The windows of each load, newest first; empty if summaries are off. */
  windows(key: keyof Windows): readonly LatencyWindow[] {
    return this.#loads.flatMap((load) => load.windows?.[key] ?? []).reverse();
  }

  #keep(key: keyof Histograms, load: VersionCounters): void {
    const histogram = load.histograms?.[key] ?? null;
    if (histogram === null) return;
    const kept = this.#retiredHistograms[key];
    if (kept?.hasBoundsOf(histogram)) kept.add(histogram);
    else this.#retiredHistograms[key] = histogram;
  }
}
