/** The few flags that the benches share. */

import { parseArgs } from 'node:util';

const generatorNames = ['auto', 'own', 'h2load'] as const;
/** `auto` is h2load where it is installed, else our own. */
export type GeneratorName = (typeof generatorNames)[number];

export interface BenchOptions {
  /** How often every case is measured; the table holds medians. */
  readonly rounds: number;
  /** Length of one measurement. */
  readonly windowMs: number;
  /** Only cases whose name contains this; empty for all. */
  readonly only: string;
  /** Further flags for the server that is measured. */
  readonly serverFlags: readonly string[];
  /** What makes the load of `frontends` and `path`. */
  readonly generator: GeneratorName;
}

export interface BenchCommand extends BenchOptions {
  /** Folder of an earlier build, '' for none. */
  readonly before: string;
  /** Name of the bench, then its arguments. */
  readonly words: readonly string[];
}

const positive = (name: string, text: string): number => {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new Error(`--${name}: expected a number above 0, got '${text}'`);
  return value;
};

const generatorName = (text: string): GeneratorName => {
  const known = generatorNames.find((name) => name === text);
  if (known === undefined) throw new Error(`--generator: expected ${generatorNames.join(', ')}, got '${text}'`);
  return known;
};

/** Throws, with a sentence, on anything it does not know. */
export function readBenchCommand(args: readonly string[]): BenchCommand {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      only: { type: 'string', default: '' },
      'server-flag': { type: 'string', multiple: true, default: [] },
      generator: { type: 'string', default: 'auto' },
      before: { type: 'string', default: '' },
    },
  });
  return {
    words: positionals,
    rounds: Math.ceil(positive('rounds', values.rounds)),
    windowMs: positive('seconds', values.seconds) * 1000,
    only: values.only,
    serverFlags: values['server-flag'],
    generator: generatorName(values.generator),
    before: values.before,
  };
}
