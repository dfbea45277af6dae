/**
 * The values of a command line by flag, typed by the table of flags: asking a boolean flag for a number does not
 * compile. Invalid values are collected: the caller gets the default for each of them, and throws when it has read all
 * values.
 */

import { falseTexts, type Flag, type FlagTable, type FlagType, trueTexts } from './flag.ts';
import type { GivenFlag } from './parse-flags.ts';

type NameOf<Table extends FlagTable, Type extends FlagType> = {
  [Name in keyof Table]: Table[Name]['type'] extends Type ? Name : never;
}[keyof Table] &
  string;

const integerText = /^[+-]?\d{1,20}$/;
const numberText = /^[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})$/;

/** Null when the text is no boolean. */
export function booleanOf(value: string): boolean | null {
  const lower = value.toLowerCase();
  if (trueTexts.includes(lower)) return true;
  return falseTexts.includes(lower) ? false : null;
}

function rangeText({ min, max }: Flag): string {
  if (min === undefined && max === undefined) return '';
  if (max === undefined) return ` of at least ${min}`;
  return min === undefined ? ` of at most ${max}` : ` between ${min} and ${max}`;
}

/** The fault of a value, as text after the flag's name; null when it is valid. */
export function valueProblem(flag: Flag, value: string): string | null {
  const given = `but '${value}' was given`;
  switch (flag.type) {
    case 'switch':
      return null;
    case 'boolean':
      return booleanOf(value) === null ? `expects true or false ${given}` : null;
    case 'choice': {
      const choices = flag.choices ?? [];
      const isKnown = choices.some((choice) => choice.toLowerCase() === value.toLowerCase());
      return isKnown ? null : `expects one of ${choices.join(', ')} ${given}`;
    }
    case 'integer':
    case 'number': {
      const pattern = flag.type === 'integer' ? integerText : numberText;
      const number = Number(value);
      const isInside = number >= (flag.min ?? -Infinity) && number <= (flag.max ?? Infinity);
      const what = flag.type === 'integer' ? 'a whole number' : 'a number';
      return pattern.test(value) && isInside ? null : `expects ${what}${rangeText(flag)} ${given}`;
    }
    case 'text':
      return value === '' || value.includes('\0') ? `expects text ${given}` : null;
  }
}

export class FlagValues<Table extends FlagTable> {
  readonly #table: Table;
  readonly #given = new Map<string, string[]>();

  /** The values have been checked with `valueProblem`. */
  constructor(table: Table, given: readonly GivenFlag[]) {
    this.#table = table;
    for (const { name, value } of given) {
      const values = this.#given.get(name) ?? [];
      values.push(value);
      this.#given.set(name, values);
    }
  }

  isGiven(name: keyof Table & string): boolean {
    return this.#given.has(name);
  }

  boolean(name: NameOf<Table, 'boolean'>): boolean {
    return booleanOf(this.#last(name) ?? '') ?? false;
  }

  /** The value of a flag that has a default. */
  number(name: NameOf<Table, 'integer' | 'number'>): number {
    return Number(this.#last(name) ?? Number.NaN);
  }

  /** The value, spelled as in the table. */
  choice(name: NameOf<Table, 'choice'>): string {
    const value = this.#last(name) ?? '';
    const flag: Flag | undefined = this.#table[name];
    return flag?.choices?.find((choice) => choice.toLowerCase() === value.toLowerCase()) ?? value;
  }

  /** Null when the flag was not given and has no default. */
  text(name: NameOf<Table, 'text'>): string | null {
    return this.#last(name);
  }

  /** Every occurrence, in order. */
  all(name: NameOf<Table, 'text'>): readonly string[] {
    return this.#given.get(name) ?? [];
  }

  #last(name: keyof Table & string): string | null {
    return this.#given.get(name)?.at(-1) ?? this.#table[name]?.initial ?? null;
  }
}
