/**
 * Typed reading of a ConfigMessage. `read-config.ts` has made sure that every field has the type of the schema, so an
 * absent field reads as its protobuf default and a wrong type cannot occur.
 */

import type { ConfigMessage, ConfigValue } from '../model-config.ts';

export const has = (message: ConfigMessage, field: string): boolean => Object.hasOwn(message, field);

export function textOf(message: ConfigMessage, field: string): string {
  const value = ownValue(message, field);
  return typeof value === 'string' ? value : '';
}

/** Exact below 2^53; larger 64-bit values become the nearest double. */
export function numberOf(message: ConfigMessage, field: string): number {
  const value = ownValue(message, field);
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : 0;
}

export const flagOf = (message: ConfigMessage, field: string): boolean => ownValue(message, field) === true;

export function messageOf(message: ConfigMessage, field: string): ConfigMessage | null {
  const value = ownValue(message, field);
  return isMessage(value) ? value : null;
}

export function messagesOf(message: ConfigMessage, field: string): readonly ConfigMessage[] {
  return listOf(message, field).filter(isMessage);
}

export function textsOf(message: ConfigMessage, field: string): readonly string[] {
  return listOf(message, field).filter((value) => typeof value === 'string');
}

export function numbersOf(message: ConfigMessage, field: string): readonly number[] {
  return listOf(message, field).map(Number);
}

export function listOf(message: ConfigMessage, field: string): readonly ConfigValue[] {
  const value = ownValue(message, field);
  return Array.isArray(value) ? (value as readonly ConfigValue[]) : [];
}

export function textMapOf(message: ConfigMessage, field: string): ReadonlyMap<string, string> {
  return new Map(Object.entries(messageOf(message, field) ?? {}).map(([key, value]) => [key, String(value)]));
}

export function messageMapOf(message: ConfigMessage, field: string): ReadonlyMap<string, ConfigMessage> {
  const found = new Map<string, ConfigMessage>();
  for (const [key, value] of Object.entries(messageOf(message, field) ?? {}))
    if (isMessage(value)) found.set(key, value);
  return found;
}

export const isMessage = (value: ConfigValue | undefined): value is ConfigMessage =>
  typeof value === 'object' && !Array.isArray(value);

/** The message with these fields in place of its own; without a prototype, as all messages are. */
export function withFields(message: ConfigMessage, fields: ConfigMessage): ConfigMessage {
  return Object.assign(Object.create(null), message, fields) as ConfigMessage;
}

export const newMessage = (fields: ConfigMessage): ConfigMessage => withFields(fields, {});

/** Equal as messages: the order of fields does not matter, that of lists does. */
export function sameValue(a: ConfigValue | undefined, b: ConfigValue | undefined): boolean {
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameValue(item as ConfigValue, b[index] as ConfigValue));
  }
  if (!isMessage(a) || !isMessage(b)) return Object.is(a, b);
  const fields = Object.keys(a);
  return (
    fields.length === Object.keys(b).length && fields.every((field) => has(b, field) && sameValue(a[field], b[field]))
  );
}

/** Own properties only: field names are fixed, but map keys come from outside. */
function ownValue(message: ConfigMessage, field: string): ConfigValue | undefined {
  return Object.hasOwn(message, field) ? message[field] : undefined;
}
