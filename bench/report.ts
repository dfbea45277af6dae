/** Results of a bench, as a table on the terminal and as a JSON file that `compare` reads. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

import { repositoryRoot, resultsFolder } from './paths.ts';

/** One line of a table. Metrics are medians over the rounds. */
export interface ReportRow {
  readonly name: string;
  readonly metrics: Readonly<Record<string, number>>;
  /** Each metric's value in every round, in order. */
  readonly rounds: Readonly<Record<string, readonly number[]>>;
}

export interface Report {
  readonly bench: string;
  readonly date: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly rows: readonly ReportRow[];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A row of the medians of `rounds`, each of which has the same metrics. */
export function medianRow(name: string, rounds: readonly Readonly<Record<string, number>>[]): ReportRow {
  const metrics: Record<string, number> = {};
  const all: Record<string, number[]> = {};
  for (const metric of Object.keys(rounds[0] ?? {})) {
    all[metric] = rounds.map((round) => round[metric]);
    metrics[metric] = median(all[metric]);
  }
  return { name, metrics, rounds: all };
}

function commit(): string {
  try {
    const run = (...args: string[]): string =>
      execFileSync('git', args, { cwd: repositoryRoot, stdio: ['ignore', 'pipe', 'ignore'] })
        .toString()
        .trim();
    return `${run('rev-parse', '--short', 'HEAD')}${run('status', '--porcelain') === '' ? '' : ' with changes'}`;
  } catch {
    return 'unknown';
  }
}

function machine(): Report['machine'] {
  const processors = cpus();
  return {
    processor: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    commit: commit(),
  };
}

/** NaN: not measured. */
const digits = (value: number): string => {
  if (Number.isNaN(value)) return '-';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
};

/** Lines of equal columns; the first is for names. */
export function printTable(rows: readonly ReportRow[]): void {
  const metrics = Object.keys(rows[0]?.metrics ?? {});
  const cells = [['', ...metrics], ...rows.map((row) => [row.name, ...metrics.map((key) => digits(row.metrics[key]))])];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  for (const line of cells) {
    console.log(line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '));
  }
}

/** Writes bench/results/<bench>-<date>.json, or overwrites it. Returns its path. */
export function save(report: Report): string {
  mkdirSync(resultsFolder, { recursive: true });
  const file = join(resultsFolder, `${report.bench}-${report.date.replaceAll(/[:.]/g, '-')}.json`);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}

/** A report with the current time. */
export const reportOf = (bench: string, settings: Report['settings'], rows: readonly ReportRow[]): Report => {
  return { bench, date: new Date().toISOString(), machine: machine(), settings, rows };
};

/** Prints the table, saves the report, says where. */
export function publish(bench: string, settings: Report['settings'], rows: readonly ReportRow[]): void {
  print(reportOf(bench, settings, rows));
}

/** The same for a report that is there already. */
export function print(report: Report): void {
  const facts = Object.entries({ ...report.machine, ...report.settings });
  console.log(`\n${report.bench}: ${facts.map((pair) => pair.join(' ')).join(', ')}`);
  printTable(report.rows);
  console.log(`written to ${save(report)}`);
}

/** JSON has no NaN: unmeasured values are null there. */
export const readReport = (file: string): Report =>
  JSON.parse(readFileSync(file, 'utf8'), (_, value: unknown) => (value === null ? Number.NaN : value)) as Report;
