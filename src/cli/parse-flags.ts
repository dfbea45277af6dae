/**
 * Reads a command line against a table of flags, as getopt_long does: `--name=value`, `--name value`, and unique
 * abbreviations of names. The caller checks the values.
 */

import { nearestName } from '../model-config/suggestion.ts';
import { type Flag, type FlagTable, valueText } from './flag.ts';

/** One given flag: its full name and the text of its value, '' for a switch. */
export interface GivenFlag {
  readonly name: string;
  readonly value: string;
}

/** The flags that a word may mean: the exact one, or all that begin with it. */
function matches(word: string, table: FlagTable): readonly string[] {
  if (Object.hasOwn(table, word)) return [word];
  const exact = Object.entries(table).find(([, flag]) => flag.aliases?.includes(word));
  if (exact !== undefined) return [exact[0]];
  if (word === '') return [];
  return Object.entries(table)
    .filter(([name, flag]) => [name, ...(flag.aliases ?? [])].some((known) => known.startsWith(word)))
    .map(([name]) => name);
}

function unknownFlag(word: string, table: FlagTable): string {
  const meant = nearestName(word, Object.keys(table));
  return `unknown flag --${word}${meant === null ? '' : `; did you mean --${meant}?`}`;
}

const listed = (names: readonly string[]): string => names.map((name) => `--${name}`).join(', ');

const expectedValue = (name: string, flag: Flag): string =>
  `--${name} expects a value: --${name}=${valueText(flag) ?? ''}`;

interface Reading {
  readonly given: GivenFlag | null;
  readonly problem: string | null;
  /** Consumed words, the flag itself included. */
  readonly words: number;
}

const failed = (problem: string, words = 1): Reading => ({ given: null, problem, words });

function readFlag(word: string, next: string | undefined, table: FlagTable): Reading {
  const equals = word.indexOf('=');
  const writtenName = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const names = matches(writtenName, table);
  const [name] = names;
  if (name === undefined) return failed(unknownFlag(writtenName, table));
  if (names.length > 1) return failed(`--${writtenName} is ambiguous: it may mean ${listed(names)}`);
  const flag = table[name] as Flag;
  if (flag.type === 'switch') {
    if (equals >= 0) return failed(`--${name} takes no value but '${word.slice(equals + 1)}' was given`);
    return { given: { name, value: '' }, problem: null, words: 1 };
  }
  if (equals >= 0) return { given: { name, value: word.slice(equals + 1) }, problem: null, words: 1 };
  if (next === undefined || next.startsWith('--')) return failed(expectedValue(name, flag));
  return { given: { name, value: next }, problem: null, words: 2 };
}

interface ParsedWords {
  /** In the order given. */
  readonly given: readonly GivenFlag[];
  /** Words that are neither flags nor values of flags. */
  readonly operands: readonly string[];
  /** Faults, one sentence each. */
  readonly problems: readonly string[];
}

/** After a word `--` all words are operands. */
export function parseFlags(words: readonly string[], table: FlagTable): ParsedWords {
  const given: GivenFlag[] = [];
  const operands: string[] = [];
  const problems: string[] = [];
  for (let at = 0; at < words.length; ) {
    const word = words[at] as string;
    if (word === '--') {
      operands.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      operands.push(word);
      at += 1;
      continue;
    }
    if (!word.startsWith('--')) {
      problems.push(`unknown flag ${word}; flags begin with --`);
      at += 1;
      continue;
    }
    const reading = readFlag(word, words[at + 1], table);
    if (reading.given !== null) given.push(reading.given);
    if (reading.problem !== null) problems.push(reading.problem);
    at += reading.words;
  }
  return { given, operands, problems };
}
