/** Chooses the command of a command line. The command itself reads the words after its name. */

import { nearestName } from '../model-config/suggestion.ts';
import { UsageError } from './usage-error.ts';

export const commandNames = ['serve', 'inspect', 'validate', 'doctor', 'gpu'] as const;
export type CommandName = (typeof commandNames)[number];

export type Command =
  | { readonly kind: 'help'; readonly topic: CommandName | null }
  | { readonly kind: 'version' }
  | { readonly kind: CommandName; readonly words: readonly string[] };

const isHelp = (word: string): boolean => word === '--help' || word === '-h' || word === 'help';
const commandOf = (word: string | undefined): CommandName | null => commandNames.find((name) => name === word) ?? null;

/** The words of a command up to `--`: no word after it is a flag. */
const flagWords = (words: readonly string[]): readonly string[] =>
  words.includes('--') ? words.slice(0, words.indexOf('--')) : words;

/**
 * `argv` without the interpreter and the script. Flags without a command mean `serve`, so that a command line written
 * for Triton works with only the program name changed. Throws a `UsageError`.
 */
export function chooseCommand(argv: readonly string[]): Command {
  const [first, ...rest] = argv;
  if (first === undefined) return { kind: 'help', topic: null };
  if (isHelp(first)) return { kind: 'help', topic: commandOf(rest[0]) };
  if (first === '--version' || first === '-V') return { kind: 'version' };
  if (first.startsWith('--')) {
    return flagWords(rest).some(isHelpFlag) ? { kind: 'help', topic: 'serve' } : { kind: 'serve', words: argv };
  }
  const name = commandOf(first);
  if (name === null) {
    const meant = nearestName(first, commandNames);
    throw new UsageError([`unknown command '${first}'${meant === null ? '' : `; did you mean ${meant}?`}`]);
  }
  return flagWords(rest).some(isHelpFlag) ? { kind: 'help', topic: name } : { kind: name, words: rest };
}

const isHelpFlag = (word: string): boolean => word === '--help' || word === '-h';
