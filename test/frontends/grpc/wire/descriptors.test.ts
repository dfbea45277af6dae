import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';
import { FileDescriptorSet } from 'protobufjs/ext/descriptor/index.js';
import { describe, expect, it } from 'vitest';
import { readDescriptors } from '../../../../src/frontends/grpc/wire/descriptors.ts';
import type { Message } from '../protobuf-oracle.ts';

const proto = (name: string): string => fileURLToPath(new URL(`../../../../proto/${name}`, import.meta.url));
const script = fileURLToPath(new URL('../../../../scripts/make-descriptors.mjs', import.meta.url));

const bytes = readFileSync(proto('descriptors.binpb'));
const { file: files } = FileDescriptorSet.decode(bytes) as Message;
const schema = loadSync(
  [
    'grpc_service.proto',
    'health.proto',
    'grpc/reflection/v1/reflection.proto',
    'grpc/reflection/v1alpha/reflection.proto',
  ],
  { keepCase: true, includeDirs: [proto('')] },
) as Message;

/** Every message and enum with its full name, those inside others too. */
function declared(): Map<string, { kind: 'message' | 'enum'; type: Message }> {
  const found = new Map<string, { kind: 'message' | 'enum'; type: Message }>();
  const walk = (message: Message, scope: string): void => {
    const name = `${scope}.${message.name}`;
    found.set(name, { kind: 'message', type: message });
    for (const inner of message.nestedType) walk(inner, name);
    for (const inner of message.enumType) found.set(`${name}.${inner.name}`, { kind: 'enum', type: inner });
  };
  for (const one of files) {
    for (const message of one.messageType) walk(message, one.package);
    for (const inner of one.enumType) found.set(`${one.package}.${inner.name}`, { kind: 'enum', type: inner });
  }
  return found;
}

const types = declared();
const [typeMessage, typeEnum] = [11, 14];

/** How protoc names the entry of a map field. */
const entryName = (field: string): string =>
  `${field.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())}Entry`;

describe('the descriptors in the package', () => {
  it('equal those that protoc makes of the files in proto/', (context) => {
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    if (status === 77) context.skip(stderr.trim());
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('have all services, messages, fields and enums that the codecs read from the files', () => {
    const described = (name: string): Message => types.get(name)?.type ?? expect.fail(`${name} is not described`);
    let checked = 0;
    for (const [name, definition] of Object.entries(schema) as [string, Message][]) {
      const type = definition.type;
      if (type === undefined) {
        const service = files.flatMap((one: Message) =>
          one.service.map((declared: Message) => ({ ...declared, fullName: `${one.package}.${declared.name}` })),
        );
        const methods = service.find(({ fullName }: Message) => fullName === name)?.method ?? [];
        expect(methods.map((method: Message) => method.name)).toEqual(Object.keys(definition));
        continue;
      }
      const numbered = (fields: Message[]): string[] => fields.map((field) => `${field.name} ${field.number}`).sort();
      if ('value' in type) expect(numbered(described(name).value)).toEqual(numbered(type.value));
      else expect(numbered(described(name).field)).toEqual(numbered(type.field));
      checked++;
    }
    expect(checked).toBeGreaterThan(80);
  });

  it('name types by their full names, map entries as protoc does, and every JSON name', () => {
    let maps = 0;
    for (const [name, { kind, type }] of types) {
      if (kind === 'enum') continue;
      for (const field of type.field) {
        expect(field.jsonName, `${name}.${field.name}`).toBeTruthy();
        if (field.type !== typeMessage && field.type !== typeEnum) continue;
        expect(field.typeName).toMatch(/^\./);
        const target = types.get(field.typeName.slice(1)) ?? expect.fail(`${field.typeName} is declared nowhere`);
        expect(target.kind).toBe(field.type === typeMessage ? 'message' : 'enum');
        if (target.type.options?.mapEntry !== true) continue;
        expect(field.typeName).toBe(`.${name}.${entryName(field.name)}`);
        expect(target.type.field.map((inner: Message) => [inner.name, inner.number])).toEqual([
          ['key', 1],
          ['value', 2],
        ]);
        maps++;
      }
    }
    expect(maps).toBeGreaterThan(10);
  });

  it('are found by every symbol, with the imports of a file after it', () => {
    const descriptors = readDescriptors(bytes);
    const namesOf = (symbol: string): string[] | undefined => descriptors.bySymbol(symbol)?.map(({ name }) => name);
    for (const symbol of [
      'inference.GRPCInferenceService',
      'inference.GRPCInferenceService.ModelInfer',
      'inference.ModelInferRequest.parameters',
      'inference.ModelInferRequest.ParametersEntry.value',
      'inference.InferParameter.parameter_choice',
    ]) {
      expect(namesOf(symbol), symbol).toEqual(['grpc_service.proto', 'model_config.proto']);
    }
    for (const symbol of ['inference.DataType', 'inference.TYPE_FP32', 'inference.ModelInstanceGroup.KIND_CPU']) {
      expect(namesOf(symbol), symbol).toEqual(['model_config.proto']);
    }
    for (const symbol of ['', 'inference', 'inference.Nothing', '__proto__', 'inference.DataType.TYPE_FP32']) {
      expect(namesOf(symbol), symbol).toBeUndefined();
    }
    for (const name of types.keys()) expect(descriptors.bySymbol(name), name).not.toBeNull();
    expect(descriptors.byFileName('health.proto')?.map(({ name }) => name)).toEqual(['health.proto']);
    expect(descriptors.byFileName('nothing.proto')).toBeNull();
  });
});
