/**
 * The registry of all metrics. It counts nothing itself: at scrape time it reads the counters of every living model
 * version and the machine's probes. prom-client writes the text.
 */

import { type Gauge, Registry } from 'prom-client';
import type { StatisticsFactory, VersionIdentity } from '../lifecycle/version-statistics.ts';
import type { MetricsConfig } from '../server/server-config.ts';
import type { Clock } from '../time.ts';
import { type MachineProbes, machineFamilies } from './machine-metrics.ts';
import {
  countFamilies,
  durationFamilies,
  type FamilyType,
  histogramFamilies,
  type Sample,
  summaryFamilies,
  type VersionFamily,
} from './metric-families.ts';
import { VersionCounters } from './model-statistics.ts';
import { sortedLabels, VersionSeries } from './version-series.ts';

/** prom-client's form of a sample; `sharedLabels` are written once per series and remembered. */
interface WrittenSample {
  readonly metricName: string;
  readonly labels: Sample['labels'];
  readonly sharedLabels: Sample['labels'];
  readonly value: number;
}

const noLabels = {};

/**
 * Registers a family whose samples are read when they are scraped. prom-client's registry uses only `name` and `get()`
 * of a metric, but its types know only its own four classes. None of them can be filled from outside with buckets, or
 * with labels that differ from series to series: hence the cast.
 */
function register(
  registry: Registry,
  name: string,
  type: FamilyType,
  help: string,
  read: () => Promise<readonly WrittenSample[]>,
): void {
  const family = { name, type, help, aggregator: 'sum', get: async () => ({ name, type, help, values: await read() }) };
  registry.registerMetric(family as unknown as Gauge);
}

/**
 * Reads and writes each family in its own turn of the event loop: prom-client asks all families at once, and with a
 * hundred models the text has a megabyte, which would delay inference requests.
 */
class FamilyTurns {
  readonly #clock: Clock;
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(): Promise<void> {
    this.#last = this.#last.then(() => new Promise((resolve) => void this.#clock.soon(resolve)));
    return this.#last;
  }
}

/** Labels that select a number of a histogram or summary; they are written last. */
const isNumbering = (labels: Sample['labels']): boolean => 'le' in labels || 'quantile' in labels;

/** Labels in Triton's order: sorted by name, but for those of a bucket or quantile, which come last. */
function written(name: string, sample: Sample, seriesLabels: Sample['labels']): WrittenSample {
  const { labels, value } = sample;
  const metricName = name + sample.suffix;
  // prom-client writes shared labels behind the others.
  if (Object.keys(labels).length === 0 || isNumbering(labels)) {
    return { metricName, labels: seriesLabels, sharedLabels: labels, value };
  }
  return { metricName, labels: sortedLabels({ ...labels, ...seriesLabels }), sharedLabels: noLabels, value };
}

/** `text/plain` in version 0.0.4 of the exposition format, whatever the scraper accepts. */
export const metricsContentType = 'text/plain; charset=utf-8; version=0.0.4';

export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #config: MetricsConfig;
  readonly #clock: Clock;
  readonly #turns: FamilyTurns;
  #rendering: Promise<string> | null = null;
  readonly #series = new Map<string, VersionSeries>();

  constructor(config: MetricsConfig, clock: Clock, probes: MachineProbes) {
    this.#config = config;
    this.#clock = clock;
    this.#turns = new FamilyTurns(clock);
    const families = [
      ...countFamilies,
      ...(config.counterLatencies ? durationFamilies : []),
      ...(config.histogramLatencies ? histogramFamilies : []),
      ...(config.summaryLatencies ? summaryFamilies : []),
    ];
    for (const family of families) this.#register(family);
    for (const { name, type, help, samples } of machineFamilies(probes, config.intervalMs, () => clock.now())) {
      register(this.#registry, name, type, help, async () => {
        await this.#turns.next();
        return samples().map((sample) => written(name, sample, noLabels));
      });
    }
  }

  /** Makes the counters of a version that starts to load; its series exist from now on until it retires. */
  readonly createStatistics: StatisticsFactory = (identity) => {
    const options = { histograms: this.#config.histogramLatencies, summaries: this.#config.summaryLatencies };
    const series = this.#seriesOf(identity);
    const counters = new VersionCounters(identity, this.#clock, options, (load) => this.#retire(load));
    series.add(counters);
    return counters;
  };

  /** The exposition text. Concurrent calls share one text. */
  render(): Promise<string> {
    this.#rendering ??= this.#registry.metrics().finally(() => {
      this.#rendering = null;
    });
    return this.#rendering;
  }

  #register(family: VersionFamily): void {
    register(this.#registry, family.name, family.type, family.help, async () => {
      await this.#turns.next();
      const view = { nowMs: this.#clock.now(), quantiles: this.#config.summaryQuantiles };
      const samples: WrittenSample[] = [];
      for (const series of this.#series.values()) {
        for (const sample of family.samples(series, view)) samples.push(written(family.name, sample, series.labels));
      }
      return samples;
    });
  }

  #seriesOf(identity: VersionIdentity): VersionSeries {
    const series = new VersionSeries(identity);
    const known = this.#series.get(series.key);
    if (known !== undefined) return known;
    this.#series.set(series.key, series);
    return series;
  }

  #retire(load: VersionCounters): void {
    const { key } = new VersionSeries(load.identity);
    const series = this.#series.get(key);
    series?.retire(load);
    if (series?.isEmpty) this.#series.delete(key);
  }
}
