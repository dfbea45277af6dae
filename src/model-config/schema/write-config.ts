/**
 * A ConfigMessage as the endpoints send it: JSON text with every primitive field at its value or default, or an object
 * for a protobuf library.
 */

import type { ConfigMessage } from './config-message.ts';
import type { AnyMessage, ConfigValue } from './message.ts';
import { type FieldSchema, type FieldType, type MessageSchema, modelConfigSchema } from './schema.ts';

/**
 * The configuration as JSON text: proto field names, repeated fields and maps always, messages and members of a oneof
 * only when set, enums by name, 64-bit integers as exact JSON numbers, map keys as strings.
 */
export const configJson = (message: ConfigMessage): string => messageJson(message, modelConfigSchema());

function messageJson(message: AnyMessage, schema: MessageSchema): string {
  const members: string[] = [];
  for (const field of schema.fields.values()) {
    const value = Object.hasOwn(message, field.name) ? message[field.name] : undefined;
    if (value === undefined && (field.oneof !== null || (isSingle(field) && field.type.kind === 'message'))) continue;
    members.push(`${JSON.stringify(field.name)}:${fieldJson(value, field)}`);
  }
  return `{${members.join(',')}}`;
}

const isSingle = (field: FieldSchema): boolean => !field.isRepeated && field.mapKey === null;

function fieldJson(value: ConfigValue | undefined, field: FieldSchema): string {
  if (field.mapKey !== null) {
    const entries = Object.entries((value ?? {}) as AnyMessage);
    return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${valueJson(entry, field.type)}`).join(',')}}`;
  }
  if (field.isRepeated) {
    const items = (value ?? []) as readonly ConfigValue[];
    return `[${items.map((item) => valueJson(item, field.type)).join(',')}]`;
  }
  return value === undefined ? defaultJson(field.type) : valueJson(value, field.type);
}

function valueJson(value: ConfigValue, type: FieldType): string {
  if (type.kind === 'message') return messageJson(value as AnyMessage, type.message);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return JSON.stringify(String(value));
  return JSON.stringify(value);
}

function defaultJson(type: FieldType): string {
  if (type.kind === 'message') return '{}';
  if (type.kind === 'enum') return JSON.stringify(type.enum.nameOf.get(0) ?? '');
  if (type.scalar === 'string') return '""';
  return type.scalar === 'bool' ? 'false' : '0';
}

/**
 * The input of protobufjs for a ModelConfig: field names as in the .proto, enums by name, 64-bit integers beyond 2^53
 * as text.
 */
type GrpcConfig = { readonly [field: string]: GrpcValue };
type GrpcValue = string | number | boolean | readonly GrpcValue[] | GrpcConfig;

/** A new object without shared parts; the caller may hand it to the library. */
export const configForGrpc = (message: ConfigMessage): GrpcConfig => grpcMessage(message);

function grpcMessage(message: AnyMessage): GrpcConfig {
  return Object.fromEntries(Object.entries(message).map(([field, value]) => [field, grpcValue(value)]));
}

function grpcValue(value: ConfigValue): GrpcValue {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item) => grpcValue(item as ConfigValue));
  return grpcMessage(value as AnyMessage);
}
