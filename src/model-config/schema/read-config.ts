/**
 * Converts a parsed tree (text format or JSON) to a ConfigMessage, the typed message that everything else reads. Only
 * written fields are in it, so that `max_batch_size: 0` differs from no `max_batch_size`; the position of each field is
 * kept beside it. `rules/check-config.ts` checks how fields agree.
 */

import { quoted } from '../../shown-text.ts';
import { parseJson } from '../syntax/json-format.ts';
import type { ConfigMessage } from './config-message.ts';
import { type AnyMessage, type ConfigValue, newMessage, rememberField, rememberMessage } from './message.ts';
import { type Dialect, readEnum, readMapKey, readScalar, ScalarProblem } from './read-scalar.ts';
import { type FieldSchema, type FieldType, type MessageSchema, modelConfigSchema } from './schema.ts';
import { type Problem, type SourcePosition, UnreadableConfigError } from '../syntax/source-position.ts';
import {
  type MessageNode,
  nodeText,
  type SourceField,
  type SourceNode,
  type SourceTree,
} from '../syntax/source-tree.ts';
import { didYouMean } from '../suggestion.ts';
import { parseTextFormat } from '../syntax/text-format.ts';

/** The most problems in one error. */
const mostProblems = 20;

/** @throws UnreadableConfigError (invalid_argument) that names every fault as `label:line:column: …` */
export const readTextConfig = (label: string, text: string | Uint8Array): ConfigMessage =>
  bindModelConfig(parseTextFormat(label, text), 'text');

/**
 * The protobuf JSON mapping: names in snake_case or camelCase, 64-bit integers as numbers or strings, null is absent.
 */
export const readJsonConfig = (label: string, text: string | Uint8Array): ConfigMessage =>
  bindModelConfig(parseJson(label, text), 'json');

function bindModelConfig({ root, position }: SourceTree, dialect: Dialect): ConfigMessage {
  const problems: Problem[] = [];
  const report: Report = ({ at }, text) => {
    if (problems.length < mostProblems) {
      problems.push({ text: typeof text === 'string' ? text : text(), place: { position, at } });
    } else if (problems.length === mostProblems) problems.push({ text: 'and more', place: null });
  };
  // The fields and types of the schema are those of ConfigMessage, which is made from the same file.
  const message = new Binder(dialect, position, report).message(root, modelConfigSchema(), null) as ConfigMessage;
  if (problems.length > 0) throw new UnreadableConfigError(problems);
  return message;
}

/** A function makes an expensive text, only if it is shown. */
type Report = (where: { readonly at: number }, text: string | (() => string)) => void;

/** A message while its fields are read. */
type OpenMessage = { [field: string]: ConfigValue };

class Binder {
  readonly #dialect: Dialect;
  readonly #position: SourcePosition;
  readonly #report: Report;

  constructor(dialect: Dialect, position: SourcePosition, report: Report) {
    this.#dialect = dialect;
    this.#position = position;
    this.#report = report;
  }

  /** @param at where its problems are told; null for the configuration as a whole */
  message(node: MessageNode, schema: MessageSchema, at: number | null): AnyMessage {
    const message = newMessage<OpenMessage>({});
    rememberMessage(message, this.#position, at);
    const seen = new Map<string, SourceField>();
    const oneofs = new Map<string, string>();
    for (const field of node.fields) {
      const known = this.#find(field, schema);
      if (known === null || (this.#dialect === 'json' && isNull(field.value))) continue;
      if (this.#isSecond(field, known, seen) || this.#isRival(field, known, oneofs)) continue;
      rememberField(message, known.name, field.at);
      if (known.mapKey !== null) this.#addEntries(message, field, known, known.mapKey);
      else if (known.isRepeated) this.#addItems(message, field, known);
      else {
        const value = this.#single(field, known);
        if (value !== null) message[known.name] = value;
      }
    }
    return message;
  }

  #find(field: SourceField, schema: MessageSchema): FieldSchema | null {
    const known =
      schema.fields.get(field.name) ??
      (this.#dialect === 'json' ? schema.fieldsByJsonName.get(field.name) : undefined) ??
      null;
    if (known === null) {
      this.#report(field, () => {
        const hint = didYouMean(field.name, schema.fields.keys());
        return `unknown field ${quoted(field.name)} in ${schema.name}${hint}`;
      });
    }
    return known;
  }

  /** In text format, repeated fields and maps may be continued; other fields may appear once. */
  #isSecond(field: SourceField, known: FieldSchema, seen: Map<string, SourceField>): boolean {
    const mayRepeat = this.#dialect === 'text' && (known.isRepeated || known.mapKey !== null);
    if (mayRepeat) return false;
    if (!seen.has(known.name)) {
      seen.set(known.name, field);
      return false;
    }
    this.#report(field, `field '${known.name}' is given more than once`);
    return true;
  }

  #isRival(field: SourceField, known: FieldSchema, oneofs: Map<string, string>): boolean {
    if (known.oneof === null) return false;
    const rival = oneofs.get(known.oneof);
    if (rival === undefined) {
      oneofs.set(known.oneof, known.name);
      return false;
    }
    this.#report(field, `field '${known.name}' is given along with '${rival}', another choice of '${known.oneof}'`);
    return true;
  }

  #single(field: SourceField, known: FieldSchema): ConfigValue | null {
    if (field.value.kind === 'list') {
      this.#report(field.value, `'${known.name}' is no list: expected one value`);
      return null;
    }
    if (!this.#hasColon(field, known.type)) return null;
    return this.#value(field.value, known, field.at);
  }

  #hasColon(field: SourceField, type: FieldType): boolean {
    if (field.hasColon || type.kind === 'message') return true;
    this.#report(field, `expected ':' after '${field.name}'`);
    return false;
  }

  #addItems(message: OpenMessage, field: SourceField, known: FieldSchema): void {
    const items = (message[known.name] ?? []) as ConfigValue[];
    message[known.name] = items;
    if (!this.#hasColon(field, known.type)) return;
    for (const node of this.#nodes(field, known)) {
      const value = this.#value(node, known, startOf(node, field));
      if (value !== null) items.push(value);
    }
  }

  #nodes(field: SourceField, known: FieldSchema): readonly SourceNode[] {
    if (field.value.kind === 'list') return field.value.items;
    if (this.#dialect === 'text') return [field.value];
    this.#report(field.value, `'${known.name}' expects a list, got ${nodeText(field.value)}`);
    return [];
  }

  /** The last entry of a key wins, as in protobuf. */
  #addEntries(message: OpenMessage, field: SourceField, known: FieldSchema, keyType: 'string' | 'uint64'): void {
    let map = message[known.name] as OpenMessage | undefined;
    if (map === undefined) {
      map = newMessage<OpenMessage>({});
      rememberMessage(map, this.#position, field.at);
      message[known.name] = map;
    }
    if (this.#dialect === 'json') this.#addMembers(map, field, known, keyType);
    else {
      for (const node of this.#nodes(field, known)) this.#addEntry(map, node, known, keyType, startOf(node, field));
    }
  }

  #addMembers(map: OpenMessage, field: SourceField, known: FieldSchema, keyType: 'string' | 'uint64'): void {
    if (field.value.kind !== 'message') {
      this.#report(field.value, `'${known.name}' expects an object, got ${nodeText(field.value)}`);
      return;
    }
    for (const member of field.value.fields) {
      const key = readMapKey({ kind: 'string', at: member.at, value: member.name }, keyType, 'json');
      if (key instanceof ScalarProblem) this.#report(member, () => `a key of '${known.name}' ${key.text()}`);
      else if (Object.hasOwn(map, key)) this.#report(member, `'${known.name}' has the key ${quoted(key)} twice`);
      else {
        const value = this.#value(member.value, known, member.at);
        if (value === null) continue;
        map[key] = value;
        rememberField(map, key, member.at);
      }
    }
  }

  #addEntry(map: OpenMessage, node: SourceNode, known: FieldSchema, keyType: 'string' | 'uint64', at: number): void {
    if (node.kind !== 'message') {
      this.#report(node, `'${known.name}' expects { key: … value: … }, got ${nodeText(node)}`);
      return;
    }
    let key: string | ScalarProblem = keyType === 'string' ? '' : '0';
    let value: ConfigValue | null = defaultOf(known.type);
    const seen = new Set<string>();
    for (const part of node.fields) {
      if (part.name !== 'key' && part.name !== 'value') {
        this.#report(part, `unknown field ${quoted(part.name)} in an entry of '${known.name}': expected key and value`);
      } else if (seen.has(part.name)) this.#report(part, `field '${part.name}' is given more than once`);
      else if (part.name === 'value') value = this.#single(part, { ...known, name: 'value', mapKey: null });
      else key = readMapKey(part.value, keyType, this.#dialect);
      if (!part.hasColon && part.name === 'key') this.#report(part, "expected ':' after 'key'");
      seen.add(part.name);
    }
    if (key instanceof ScalarProblem) this.#report(node, () => `a key of '${known.name}' ${key.text()}`);
    else if (value !== null) {
      map[key] = value;
      rememberField(map, key, at);
    }
  }

  /** Null when a problem was reported. @param at of the name before a message, or of the message where none is */
  #value(node: SourceNode, { name, type }: FieldSchema, at: number): ConfigValue | null {
    if (type.kind === 'message') {
      if (node.kind === 'message') return this.message(node, type.message, at);
      this.#report(node, `'${name}' expects a message (${type.message.name}), got ${nodeText(node)}`);
      return null;
    }
    const value =
      type.kind === 'enum' ? readEnum(node, type.enum, this.#dialect) : readScalar(node, type.scalar, this.#dialect);
    if (!(value instanceof ScalarProblem)) return value;
    this.#report(node, () => `'${name}' ${value.text()}`);
    return null;
  }
}

/** A message that is no item of a list begins with the name of its field. */
const startOf = (node: SourceNode, field: SourceField): number => (node === field.value ? field.at : node.at);

const isNull = (node: SourceNode): boolean => node.kind === 'word' && node.text === 'null';

function defaultOf(type: FieldType): ConfigValue {
  if (type.kind === 'message') return newMessage({});
  if (type.kind === 'enum') return type.enum.nameOf.get(0) ?? '';
  if (type.scalar === 'string') return '';
  return type.scalar === 'bool' ? false : 0;
}
