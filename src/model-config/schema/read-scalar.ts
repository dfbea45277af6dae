/**
 * Converts one value of a field to a number, bigint, boolean or text, or reports the fault. Text format and
 * JSON differ in what they accept: text format takes hexadecimal and octal integers and many words for booleans, JSON
 * takes integers in quotes and integral floats.
 */

import { quoted } from '../../shown-text.ts';
import type { EnumSchema, IntegerType, ScalarType } from './schema.ts';
import { type NumberNode, nodeText, type SourceNode } from '../syntax/source-tree.ts';
import { didYouMean } from '../suggestion.ts';

export type Dialect = 'text' | 'json';

type Scalar = string | number | bigint | boolean;

/** The fault of a value. */
export class ScalarProblem {
  /**
   * The rest of a sentence that starts with the field's name; made only when it is shown, because suggestions are
   * expensive.
   */
  readonly text: () => string;
  constructor(text: () => string) {
    this.text = text;
  }
}

const ranges: Readonly<Record<IntegerType, { readonly least: bigint; readonly most: bigint }>> = {
  int32: { least: -(2n ** 31n), most: 2n ** 31n - 1n },
  uint32: { least: 0n, most: 2n ** 32n - 1n },
  int64: { least: -(2n ** 63n), most: 2n ** 63n - 1n },
  uint64: { least: 0n, most: 2n ** 64n - 1n },
};

/** 2^64 has 22 octal digits; more cannot fit, and `BigInt` takes quadratic time. */
const mostDigits = 22;

export function readScalar(node: SourceNode, type: ScalarType, dialect: Dialect): Scalar | ScalarProblem {
  switch (type) {
    case 'string':
      return node.kind === 'string'
        ? node.value
        : new ScalarProblem(() => `expects a string in quotes, got ${nodeText(node)}`);
    case 'bool':
      return readBool(node, dialect);
    case 'float':
    case 'double':
      return readFloat(node, dialect);
    default:
      return readInteger(node, type, dialect);
  }
}

/** Key of a map as it becomes a property name. */
export function readMapKey(node: SourceNode, type: 'string' | 'uint64', dialect: Dialect): string | ScalarProblem {
  const key = readScalar(node, type, dialect);
  return key instanceof ScalarProblem ? key : String(key);
}

function readInteger(node: SourceNode, type: IntegerType, dialect: Dialect): number | bigint | ScalarProblem {
  const number = dialect === 'json' && node.kind === 'string' ? numberInQuotes(node.value, node.at) : node;
  const value = number?.kind === 'number' ? integerValue(number, dialect) : null;
  if (value === null) return new ScalarProblem(() => `expects an integer (${type}), got ${nodeText(node)}`);
  const { least, most } = ranges[type];
  if (value === 'huge' || value < least || value > most) {
    return new ScalarProblem(() => `expects an integer in ${least}…${most} (${type}), got ${nodeText(node)}`);
  }
  return fitted(value);
}

/** A number if that is exact, else a bigint. */
const fitted = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;

function integerValue(node: NumberNode, dialect: Dialect): bigint | 'huge' | null {
  if (node.form === 'float') {
    const value = Number(node.text);
    if (dialect === 'text' || !Number.isInteger(value)) return null;
    return Number.isSafeInteger(value) ? BigInt(node.isNegative ? -value : value) : 'huge';
  }
  const digits = node.text.replace(/^0+(?=.)/, '');
  if (digits.length > mostDigits) return 'huge';
  const prefix = node.form === 'hexadecimal' ? '0x' : node.form === 'octal' ? '0o' : '';
  const value = BigInt(prefix + digits);
  return node.isNegative ? -value : value;
}

function numberInQuotes(text: string, at: number): NumberNode | null {
  if (text.length > 64 || !/^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$/.test(text)) return null;
  const isNegative = text.startsWith('-');
  const digits = isNegative ? text.slice(1) : text;
  return { kind: 'number', at, isNegative, form: /[.eE]/.test(digits) ? 'float' : 'decimal', text: digits };
}

function readFloat(node: SourceNode, dialect: Dialect): number | ScalarProblem {
  const problem = (): ScalarProblem => new ScalarProblem(() => `expects a number, got ${nodeText(node)}`);
  if (node.kind === 'word' && dialect === 'text') return signed(node.isNegative, floatWord(node.text)) ?? problem();
  if (node.kind === 'string' && dialect === 'json') {
    const isNegative = node.value.startsWith('-');
    const text = isNegative ? node.value.slice(1) : node.value;
    const word = text === 'Infinity' || text === 'NaN' ? Number(text) : null;
    const quotedNumber = numberInQuotes(node.value, node.at);
    return signed(isNegative, word ?? (quotedNumber === null ? null : Number(quotedNumber.text))) ?? problem();
  }
  if (node.kind !== 'number' || node.form === 'hexadecimal' || node.form === 'octal') return problem();
  return signed(node.isNegative, Number(node.text)) ?? problem();
}

const signed = (isNegative: boolean, value: number | null): number | null =>
  value === null ? null : isNegative ? -value : value;

function floatWord(text: string): number | null {
  const word = text.toLowerCase();
  if (word === 'inf' || word === 'infinity') return Number.POSITIVE_INFINITY;
  return word === 'nan' ? Number.NaN : null;
}

const boolWords: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['True', true],
  ['t', true],
  ['false', false],
  ['False', false],
  ['f', false],
]);

function readBool(node: SourceNode, dialect: Dialect): boolean | ScalarProblem {
  if (node.kind === 'word' && !node.isNegative) {
    const value = boolWords.get(node.text);
    if (value !== undefined) return value;
  }
  if (dialect === 'text' && node.kind === 'number') {
    const value = integerValue(node, dialect);
    if (value === 0n || value === 1n) return value === 1n;
  }
  return new ScalarProblem(() => `expects true or false, got ${nodeText(node)}`);
}

/** The name of the enum value. JSON takes names in any case. */
export function readEnum(node: SourceNode, type: EnumSchema, dialect: Dialect): string | ScalarProblem {
  if (node.kind === 'number') {
    const value = integerValue(node, dialect);
    const name = typeof value === 'bigint' ? type.nameOf.get(Number(value)) : undefined;
    return name ?? new ScalarProblem(() => `has no value ${nodeText(node)}: ${type.name} is ${choices(type)}`);
  }
  const isName = dialect === 'json' ? node.kind === 'string' : node.kind === 'word' && !node.isNegative;
  if (!isName) return new ScalarProblem(() => `expects one of ${choices(type)}, got ${nodeText(node)}`);
  const given = node.kind === 'string' ? node.value : node.kind === 'word' ? node.text : '';
  const name = dialect === 'json' ? nameInAnyCase(given, type) : given;
  if (type.numberOf.has(name)) return name;
  return new ScalarProblem(() => {
    const hint = didYouMean(given, type.numberOf.keys());
    return `has no value ${quoted(given)}${hint || `: ${type.name} is ${choices(type)}`}`;
  });
}

function nameInAnyCase(given: string, type: EnumSchema): string {
  if (given.length > 64) return given;
  const wanted = given.toUpperCase();
  for (const name of type.numberOf.keys()) if (name.toUpperCase() === wanted) return name;
  return given;
}

const choices = (type: EnumSchema): string => [...type.numberOf.keys()].join(', ');
