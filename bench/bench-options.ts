/** The few flags that the benches share. */

import { parseArgs } from 'node:util';

import type { BareDevice } from './process/bare-loop.ts';

const generatorNames = ['auto', 'own', 'h2load'] as const;
/** `auto` is h2load if it is installed, else our own. */
export type GeneratorName = (typeof generatorNames)[number];

export interface BenchOptions {
  /** How often every case is measured; the table contains medians. */
  readonly rounds: number;
  /** How many fresh processes of each build are measured: `regression`, `growth` and `first-seconds`. */
  readonly processes: number;
  /** Length of one measurement. */
  readonly windowMs: number;
  /** Only cases whose name contains this; empty for all. */
  readonly only: string;
  /** Further flags for the server that is measured. */
  readonly serverFlags: readonly string[];
  /** The load generator of `frontends` and `path`. */
  readonly generator: GeneratorName;
  /** Where models run: `gpu` and `reload`. */
  readonly device: BareDevice;
  /** Fewer models and batch sizes: `gpu`, `reload` and `threads`. */
  readonly isShort: boolean;
  /** Numbers of frontend threads to compare; empty for those that suit the machine. */
  readonly threads: readonly number[];
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

const deviceName = (text: string): BareDevice => {
  if (text === 'cpu' || text === 'cuda') return text;
  throw new Error(`--device: expected cpu or cuda, got '${text}'`);
};

const countList = (name: string, text: string): number[] => {
  const counts = text === '' ? [] : text.split(',').map(Number);
  if (counts.every((count) => Number.isInteger(count) && count > 0)) return counts;
  throw new Error(`--${name}: expected numbers like 1,2,4, got '${text}'`);
};

interface Usual {
  readonly rounds: string;
  readonly seconds: string;
}

/** Rounds and seconds of one measurement; benches with many measurements have less time for each. */
const usual: Usual = { rounds: '5', seconds: '2' };
const usualOf: Readonly<Record<string, Usual>> = {
  gpu: { rounds: '1', seconds: '1' },
  reload: { rounds: '1', seconds: '3' },
  regression: { rounds: '3', seconds: '1' },
  tensors: { rounds: '3', seconds: '1' },
  neighbours: { rounds: '3', seconds: '4' },
  // The speed of a shared machine moves within seconds: short rounds keep the two sides of a ratio on the same speed.
  compute: { rounds: '40', seconds: '0.5' },
  growth: { rounds: '3', seconds: '1' },
  states: { rounds: '5', seconds: '4' },
  'first-seconds': { ...usual, seconds: '0.25' },
  instructions: { ...usual, rounds: '6' },
};

/** What a flag is when it is not given, for the usage: "5 unless given (gpu, reload: 1; growth: 3)". */
export function usualText(flag: keyof Usual): string {
  const namesOf = new Map<string, string[]>();
  for (const [name, { [flag]: value }] of Object.entries(usualOf)) {
    if (value !== usual[flag]) namesOf.set(value, [...(namesOf.get(value) ?? []), name]);
  }
  const others = [...namesOf].map(([value, names]) => `${names.join(', ')}: ${value}`);
  return `${usual[flag]} unless given (${others.join('; ')})`;
}

const generatorName = (text: string): GeneratorName => {
  const known = generatorNames.find((name) => name === text);
  if (known === undefined) throw new Error(`--generator: expected ${generatorNames.join(', ')}, got '${text}'`);
  return known;
};

/** Throws, with a sentence, on unknown words. */
export function readBenchCommand(args: readonly string[]): BenchCommand {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      processes: { type: 'string', default: '4' },
      seconds: { type: 'string' },
      only: { type: 'string', default: '' },
      'server-flag': { type: 'string', multiple: true, default: [] },
      generator: { type: 'string', default: 'auto' },
      before: { type: 'string', default: '' },
      device: { type: 'string', default: 'cuda' },
      short: { type: 'boolean', default: false },
      threads: { type: 'string', default: '' },
    },
  });
  const byDefault = usualOf[positionals[0] ?? ''] ?? usual;
  return {
    words: positionals,
    rounds: Math.ceil(positive('rounds', values.rounds ?? byDefault.rounds)),
    processes: Math.ceil(positive('processes', values.processes)),
    windowMs: positive('seconds', values.seconds ?? byDefault.seconds) * 1000,
    only: values.only,
    serverFlags: values['server-flag'],
    generator: generatorName(values.generator),
    before: values.before,
    device: deviceName(values.device),
    isShort: values.short,
    threads: countList('threads', values.threads),
  };
}
