/** Messages as plain data, whatever their fields: copies, comparison, and the places where they stand in a text. */

import type { Place, SourcePosition } from '../syntax/source-position.ts';

/** A protobuf message, or a map, with proto field names and as JSON would write it. `ConfigMessage` is one with known fields. */
export type AnyMessage = { readonly [field: string]: ConfigValue };
export type ConfigValue = string | number | bigint | boolean | readonly ConfigValue[] | AnyMessage;

const isMessage = (value: ConfigValue | undefined): value is AnyMessage =>
  typeof value === 'object' && !Array.isArray(value);

/**
 * The message with these fields in place of its own; without a prototype, as all messages are. What it keeps stands where
 * it stood.
 */
export function withFields<Message extends AnyMessage>(message: Message, fields: Partial<Message>): Message {
  const copy = Object.assign(Object.create(null), message, fields) as Message;
  const places = placesOf.get(message);
  if (places !== undefined) placesOf.set(copy, places);
  return copy;
}

/** A message, or a map, with these fields. It has no prototype, because a map may have the key `__proto__`. */
export const newMessage = <Message extends AnyMessage>(fields: Message): Message =>
  Object.assign(Object.create(null), fields) as Message;

/** Equal as messages: the order of fields does not matter, that of lists does. */
export function sameValue(a: ConfigValue | undefined, b: ConfigValue | undefined): boolean {
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameValue(item as ConfigValue, b[index] as ConfigValue));
  }
  if (!isMessage(a) || !isMessage(b)) return Object.is(a, b);
  const fields = Object.keys(a);
  return (
    fields.length === Object.keys(b).length &&
    fields.every((field) => Object.hasOwn(b, field) && sameValue(a[field], b[field]))
  );
}

interface MessagePlaces {
  readonly position: SourcePosition;
  /** Null for the configuration as a whole. */
  readonly at: number | null;
  /** Of fields or, for a map, of keys. */
  readonly fields: Map<string, number>;
}

/** Beside the messages, so that they stay plain data. */
const placesOf = new WeakMap<object, MessagePlaces>();

/** @param at offset; null for the configuration as a whole */
export function rememberMessage(message: AnyMessage, position: SourcePosition, at: number | null): void {
  placesOf.set(message, { position, at, fields: new Map() });
}

/** Of a field that is written in several parts, the first counts. */
export function rememberField(message: AnyMessage, field: string, at: number): void {
  const fields = placesOf.get(message)?.fields;
  if (fields !== undefined && !fields.has(field)) fields.set(field, at);
}

/** Where the field stands, else the message that lacks it; null when neither was written. */
export function placeOf(message: object, field: string | null): Place | null {
  const places = placesOf.get(message);
  if (places === undefined) return null;
  const at = (field === null ? undefined : places.fields.get(field)) ?? places.at;
  return at === null ? null : { position: places.position, at };
}
