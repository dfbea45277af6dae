/**
 * All metrics of the server. It counts nothing itself: a scrape reads the counters of every living model version and the
 * machine's probes while its page is written.
 */

import type { StatisticsFactory, VersionIdentity } from '../lifecycle/version-statistics.ts';
import type { MetricsConfig } from '../server/server-config.ts';
import type { Clock } from '../time.ts';
import { headText, sampleText, SeriesLabels } from './exposition.ts';
import { type MachineProbes, machineFamilies } from './machine-metrics.ts';
import {
  countFamilies,
  durationFamilies,
  histogramFamilies,
  summaryFamilies,
  type VersionFamily,
} from './metric-families.ts';
import { VersionCounters } from './model-statistics.ts';
import { VersionSeries } from './version-series.ts';

/** Characters after which a piece of a page ends: some 300 lines, a fraction of a millisecond. */
export const pieceCharacters = 32 * 1024;
/** Series without lines in a family cost little, but there may be very many. */
const pieceSeries = 2_000;

const noLabels = new SeriesLabels([]);

export class ServerMetrics {
  readonly #config: MetricsConfig;
  readonly #clock: Clock;
  readonly #families: readonly VersionFamily[];
  readonly #machineFamilies: ReturnType<typeof machineFamilies>;
  readonly #series = new Map<string, VersionSeries>();

  constructor(config: MetricsConfig, clock: Clock, probes: MachineProbes) {
    this.#config = config;
    this.#clock = clock;
    this.#families = [
      ...countFamilies,
      ...(config.counterLatencies ? durationFamilies : []),
      ...(config.histogramLatencies ? histogramFamilies : []),
      ...(config.summaryLatencies ? summaryFamilies : []),
    ];
    this.#machineFamilies = machineFamilies(probes, config.intervalMs, () => clock.now());
  }

  /** Makes the counters of a version that starts to load; its series exist from now on until it retires. */
  readonly createStatistics: StatisticsFactory = (identity) => {
    const { histogramLatencies, histogramFamilies: families, histogramBucketsUs: bucketsUs } = this.#config;
    const histograms = histogramLatencies ? { families, bucketsUs } : null;
    const options = { histograms, summaries: this.#config.summaryLatencies };
    const series = this.#seriesOf(identity);
    const counters = new VersionCounters(identity, this.#clock, options, (load) => this.#retire(load));
    series.add(counters);
    return counters;
  };

  /**
   * The exposition text of all versions that there are now, in pieces of bounded work. The samples of one family of one
   * version are read in the same moment, when their piece is asked for.
   */
  *pieces(): Generator<string, void, void> {
    const all = [...this.#series.values()];
    const view = { nowMs: this.#clock.now(), quantiles: this.#config.summaryQuantiles };
    let text = '';
    let looked = 0;
    for (const family of this.#families) {
      // A family without samples is not on the page.
      let head = headText(family);
      for (const series of all) {
        for (const sample of family.samples(series, view)) {
          text += head + sampleText(family.name, series.labels, sample);
          head = '';
        }
        looked += 1;
        if (text.length < pieceCharacters && looked < pieceSeries) continue;
        yield text;
        text = '';
        looked = 0;
      }
    }
    for (const family of this.#machineFamilies) {
      let head = headText(family);
      for (const sample of family.samples()) {
        text += head + sampleText(family.name, sample.labels ?? noLabels, sample);
        head = '';
      }
    }
    yield text;
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
