// Writes src/model-config/schema/config-message.ts, the types of a ModelConfig message, from proto/model_config.proto.
//
//     node scripts/make-config-types.mjs [--check]
//
// With --check nothing is written: it exits with 1 when the file is not what the .proto says. A test does that.

import { readFileSync, writeFileSync } from 'node:fs';
import protobuf from 'protobufjs';

const protoFile = new URL('../proto/model_config.proto', import.meta.url);
const typesFile = new URL('../src/model-config/schema/config-message.ts', import.meta.url);

/** The formatter's. */
const lineWidth = 120;

const scalars = {
  string: 'string',
  bool: 'boolean',
  int32: 'number',
  uint32: 'number',
  float: 'number',
  double: 'number',
  int64: 'Integer64',
  uint64: 'Integer64',
};

const head = `/**
 * Made by scripts/make-config-types.mjs from proto/model_config.proto, which says what each field means.
 *
 * A ModelConfig message as it was read, with proto field names: only written fields are in it. An absent field reads
 * as protobuf's default.
 */

/** Exact: a bigint beyond 2^53. */
export type Integer64 = number | bigint;
`;

/** `ModelWarmup.Input` is `ModelWarmupInput`; the message itself is `ConfigMessage`. */
const nameOf = (type) =>
  type.name === 'ModelConfig' ? 'ConfigMessage' : type.fullName.replace(/^\.inference\./, '').replaceAll('.', '');

function fieldType(field) {
  const { resolvedType } = field;
  const type = resolvedType === null ? scalars[field.type] : nameOf(resolvedType);
  if (type === undefined) throw new Error(`${field.fullName} has the type ${field.type}`);
  if (field instanceof protobuf.MapField) return `{ readonly [key: string]: ${type} }`;
  return field.repeated ? `readonly ${type}[]` : type;
}

function messageText(type) {
  const start = `export type ${nameOf(type)} =`;
  const fields = type.fieldsArray.map((field) => `readonly ${field.name}?: ${fieldType(field)}`);
  if (fields.length === 0) return `${start} Record<string, never>;`;
  const line = `${start} { ${fields.join('; ')} };`;
  return line.length <= lineWidth ? line : `${start} {\n${fields.map((field) => `  ${field};\n`).join('')}};`;
}

function enumText(type) {
  const names = Object.keys(type.values).map((name) => `'${name}'`);
  const line = `export type ${nameOf(type)} = ${names.join(' | ')};`;
  return line.length <= lineWidth
    ? line
    : `export type ${nameOf(type)} =\n${names.map((name) => `  | ${name}`).join('\n')};`;
}

function* typesOf(space) {
  for (const type of space.nestedArray) {
    if (type instanceof protobuf.Enum) yield enumText(type);
    else if (type instanceof protobuf.Type) {
      yield* typesOf(type);
      yield messageText(type);
    }
  }
}

function configTypes() {
  const { root } = protobuf.parse(readFileSync(protoFile, 'utf8'), { keepCase: true });
  root.resolveAll();
  return `${head}\n${[...typesOf(root.lookup('inference'))].join('\n')}\n`;
}

const text = configTypes();
if (!process.argv.includes('--check')) writeFileSync(typesFile, text);
else if (readFileSync(typesFile, 'utf8') !== text) {
  console.error('src/model-config/schema/config-message.ts is not what proto/model_config.proto says');
  process.exitCode = 1;
}
