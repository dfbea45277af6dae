/**
 * Whole JSON values of the control endpoints, whose bodies are small trees. Objects become Maps, so that no member name
 * can touch a prototype; integers stay exact.
 */

import { requestLimits, tooLong, tooMany } from '../../../inference/request-limits.ts';
import { shownText } from '../../../shown-text.ts';
import { LongText } from './long-texts.ts';
import { depthExceeded, maxJsonDepth, wrongKind } from './errors.ts';
import { JsonReader } from './reader.ts';

export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | { readonly double: number }
  | LongText
  | readonly JsonValue[]
  | JsonObject;

export type JsonObject = ReadonlyMap<string, JsonValue>;

/**
 * The object that is the whole body; an empty body is an empty object.
 *
 * @throws InferenceError `invalid_argument` for anything else, repeated members included.
 * @param longTexts strings of the body that are not to be decoded, by the offset of their first quote.
 */
export function readJsonObject(body: Buffer, longTexts: ReadonlyMap<number, LongText> = noLongTexts): JsonObject {
  const reader = new JsonReader(body);
  if (reader.peek() === -1) return new Map();
  const object = readObject(reader, 0, 'request body', { left: maxValues, longTexts });
  reader.end();
  return object;
}

/** The most values of a body; no control call has nearly so many, and each becomes an object. */
const maxValues = 65_536;

const noLongTexts: ReadonlyMap<number, LongText> = new Map();

/** How many values the body may still have, and those of them that are not decoded. */
interface Budget {
  left: number;
  readonly longTexts: ReadonlyMap<number, LongText>;
}

function readValue(reader: JsonReader, depth: number, budget: Budget): JsonValue {
  if (--budget.left < 0) throw tooMany('values', maxValues);
  switch (reader.peek()) {
    case 0x22: {
      const long = budget.longTexts.get(reader.at);
      if (long === undefined) return reader.string('', Number.POSITIVE_INFINITY);
      reader.at += long.literal.length + 2;
      return long;
    }
    case 0x7b:
      return readObject(reader, depth, '', budget);
    case 0x5b: {
      if (depth >= maxJsonDepth) throw depthExceeded();
      const elements: JsonValue[] = [];
      for (let more = reader.firstElement(''); more; more = reader.nextElement()) {
        elements.push(readValue(reader, depth + 1, budget));
      }
      return elements;
    }
    case 0x74:
    case 0x66:
      return reader.boolean('');
    case 0x6e:
      if (reader.word('null')) return null;
      throw reader.fail('Invalid value.');
    default:
      return reader.number();
  }
}

function readObject(reader: JsonReader, depth: number, key: string, budget: Budget): JsonObject {
  if (depth >= maxJsonDepth) throw depthExceeded();
  const members = new Map<string, JsonValue>();
  for (let name = reader.firstKey(key); name !== null; name = reader.nextKey()) {
    if (members.has(name)) throw reader.fail(`Object member '${shownText(name)}' is given twice.`);
    members.set(name, readValue(reader, depth + 1, budget));
  }
  return members;
}

/** The member as an object, undefined when absent. */
export function objectMember(object: JsonObject, key: string): JsonObject | undefined {
  const value = object.get(key);
  if (value === undefined || value instanceof Map) return value;
  throw wrongKind(key, 'object');
}

/** The member as a string, undefined when absent. */
export function stringMember(object: JsonObject, key: string): string | undefined {
  const value = object.get(key);
  if (value === undefined || typeof value === 'string') return value;
  if (value instanceof LongText) throw tooLong(`'${shownText(key)}'`, requestLimits.textBytes);
  throw wrongKind(key, 'string');
}

export function booleanMember(object: JsonObject, key: string): boolean | undefined {
  const value = object.get(key);
  if (value === undefined || typeof value === 'boolean') return value;
  throw wrongKind(key, 'boolean');
}

/** The member as an integer from 0 to 2^63 - 1, undefined when absent. */
export function unsignedMember(object: JsonObject, key: string): number | bigint | undefined {
  const value = object.get(key);
  if (value === undefined) return value;
  if ((typeof value === 'number' || typeof value === 'bigint') && value >= 0 && value < 2n ** 63n) return value;
  throw wrongKind(key, 'unsigned-integer');
}
