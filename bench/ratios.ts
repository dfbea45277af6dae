/** Comparisons of servers that were measured in turn: ratios are formed round by round, so that drift cancels out. */

import { medianRow, type ReportRow } from './report.ts';

/** One value per metric. */
export type Metrics = Readonly<Record<string, number>>;

/** Each round with `name(metric) = its value / the yardstick's value in the same round` added for each of `ratios`. */
export function withRatios(
  rounds: readonly Metrics[],
  yardstick: readonly Metrics[],
  ratios: Readonly<Record<string, string>>,
): Metrics[] {
  return rounds.map((round, i) => {
    const compared = Object.entries(ratios).map(([name, metric]) => [name, round[metric] / yardstick[i][metric]]);
    return { ...round, ...Object.fromEntries(compared) };
  });
}

/** Rows of one shape in order; without the yardstick among them there are no ratios. */
export function rowsWithRatios(
  measured: ReadonlyMap<string, readonly Metrics[]>,
  shape: string,
  yardstick: string,
  ratios: Readonly<Record<string, string>>,
): ReportRow[] {
  const reference = measured.get(yardstick);
  return [...measured].map(([contender, rounds]) =>
    medianRow(`${shape}, ${contender}`, reference === undefined ? rounds : withRatios(rounds, reference, ratios)),
  );
}
