/** Measurements in which a load generator was busy all the time, so that they show it and not the server. */

import type { ReportRow } from '../report.ts';

/** The metric with the share of the time in which a generator was busy. */
export const generatorBusy = 'generator busy %';
/** From this value on a generator was at its limit. */
const busyLimitPercent = 97;

/** Prints the sentence and the names of the rows it is about, where there are any. */
export function printLimited(rows: readonly ReportRow[], sentence: string): void {
  const limited = rows.filter(({ metrics }) => metrics[generatorBusy] >= busyLimitPercent);
  if (limited.length === 0) return;
  console.log(sentence);
  for (const { name } of limited) console.log(`  ${name}`);
}
