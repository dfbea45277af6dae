/**
 * All loads of one model version that have the same metric labels, shown as one set of series. During a reload two of
 * them exist at once, and a scrape must neither find a label set twice nor see a counter fall. So their counts are
 * added up, and the counts of an unloaded one are kept as long as a later one exists.
 */

import type { VersionIdentity } from '../lifecycle/version-statistics.ts';
import type { Histogram } from './histogram.ts';
import type { Histograms, Windows } from './latency-distributions.ts';
import type { LatencyWindow } from './latency-window.ts';
import { cellCount, type VersionCounters } from './model-statistics.ts';

type Labels = Readonly<Record<string, string>>;

/** A label name that the exposition format allows; a metric tag may be any text. */
const labelName = (text: string): string => text.replace(/[^a-zA-Z0-9_]/g, '_');

/** Without a prototype, so that a tag named like a property of objects is an ordinary label. */
function labelsOf(identity: VersionIdentity): Labels {
  const labels: Record<string, string> = Object.assign(Object.create(null), {
    model: identity.model,
    version: String(identity.version),
    ...(identity.gpuUuid === null ? {} : { gpu_uuid: identity.gpuUuid }),
  });
  for (const [tag, value] of identity.metricTags) labels[labelName(tag)] ??= value;
  return sortedLabels(labels);
}

/** Without a prototype, so that a label named like a property of objects is an ordinary one. */
export function sortedLabels(labels: Labels): Labels {
  const sorted: Record<string, string> = Object.create(null);
  for (const name of Object.keys(labels).sort()) sorted[name] = labels[name] as string;
  return sorted;
}

export class VersionSeries {
  readonly labels: Labels;
  /** Equal for identities whose labels are equal. */
  readonly key: string;
  readonly #loads: VersionCounters[] = [];
  readonly #retiredCells = new Float64Array(cellCount);
  readonly #retiredHistograms: Partial<Record<keyof Histograms, Histogram>> = {};

  constructor(identity: VersionIdentity) {
    this.labels = labelsOf(identity);
    this.key = JSON.stringify(Object.entries(this.labels).sort(([a], [b]) => (a < b ? -1 : 1)));
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

  /** Null when histograms are off. Loads with other buckets than those of the newest one are left out. */
  histogram(key: keyof Histograms): Histogram | null {
    const newest = this.#loads.at(-1)?.histograms?.[key];
    if (newest === undefined) return null;
    const sum = newest.emptied();
    const retired = this.#retiredHistograms[key];
    if (retired?.hasBoundsOf(sum)) sum.add(retired);
    for (const load of this.#loads) {
      const histogram = load.histograms?.[key];
      if (histogram?.hasBoundsOf(sum)) sum.add(histogram);
    }
    return sum;
  }

  /** The windows of each load, newest first; empty if summaries are off. */
  windows(key: keyof Windows): readonly LatencyWindow[] {
    return this.#loads.flatMap((load) => load.windows?.[key] ?? []).reverse();
  }

  #keep(key: keyof Histograms, load: VersionCounters): void {
    const histogram = load.histograms?.[key];
    if (histogram === undefined) return;
    const kept = this.#retiredHistograms[key];
    if (kept?.hasBoundsOf(histogram)) kept.add(histogram);
    else this.#retiredHistograms[key] = histogram;
  }
}
