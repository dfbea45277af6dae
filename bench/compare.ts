/** `compare A B`: the rows that two results of one bench have in common, and how each metric moved. */

import { printTable, type Report, type ReportRow, readReport } from './report.ts';

/** For each metric of B its value and, as a factor, B ÷ A. */
export function comparedRows(a: Report, b: Report): ReportRow[] {
  const before = new Map(a.rows.map((row) => [row.name, row.metrics]));
  const rows: ReportRow[] = [];
  for (const { name, metrics } of b.rows) {
    const old = before.get(name);
    if (old === undefined) continue;
    const compared: Record<string, number> = {};
    for (const [metric, value] of Object.entries(metrics)) {
      compared[metric] = value;
      compared[`x ${metric}`] = value / (old[metric] ?? Number.NaN);
    }
    rows.push({ name, metrics: compared, rounds: {} });
  }
  return rows;
}

/** Prints the changes. Throws when the two are results of different benches. */
export function compareFiles(fileA: string, fileB: string): void {
  const [a, b] = [readReport(fileA), readReport(fileB)];
  if (a.bench !== b.bench) throw new Error(`compare: expected two results of one bench, got ${a.bench} and ${b.bench}`);
  console.log(`A ${a.date} ${a.machine.commit}\nB ${b.date} ${b.machine.commit}; columns "x" are B / A`);
  printTable(comparedRows(a, b));
}
