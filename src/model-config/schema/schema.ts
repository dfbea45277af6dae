/**
 * The fields of a ModelConfig message as `proto/model_config.proto` declares them. The file is read once, on first use;
 * everything that reads, completes or prints a configuration uses these descriptors.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

export type IntegerType = 'int32' | 'uint32' | 'int64' | 'uint64';
export type ScalarType = IntegerType | 'float' | 'double' | 'bool' | 'string';

export interface EnumSchema {
  readonly name: string;
  readonly numberOf: ReadonlyMap<string, number>;
  readonly nameOf: ReadonlyMap<number, string>;
}

export interface MessageSchema {
  readonly name: string;
  /** In the order of the file. */
  readonly fields: ReadonlyMap<string, FieldSchema>;
  /** By the lowerCamelCase names of the protobuf JSON mapping. */
  readonly fieldsByJsonName: ReadonlyMap<string, FieldSchema>;
}

export type FieldType =
  | { readonly kind: 'scalar'; readonly scalar: ScalarType }
  | { readonly kind: 'enum'; readonly enum: EnumSchema }
  | { readonly kind: 'message'; readonly message: MessageSchema };

export interface FieldSchema {
  readonly name: string;
  /** Of a map: the type of its values. */
  readonly type: FieldType;
  /** Map fields are not `isRepeated`. */
  readonly isRepeated: boolean;
  /** Null unless the field is a map. */
  readonly mapKey: 'string' | 'uint64' | null;
  /** Null unless the field is a member of a oneof. */
  readonly oneof: string | null;
}

const scalarTypes: ReadonlySet<string> = new Set<ScalarType>([
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float',
  'double',
  'bool',
  'string',
]);
const isScalar = (type: string): type is ScalarType => scalarTypes.has(type);

let modelConfig: MessageSchema | null = null;

/** The schema of ModelConfig. */
export function modelConfigSchema(): MessageSchema {
  modelConfig ??= loadSchema();
  return modelConfig;
}

/** `proto/` lies beside both `src/` and `dist/`. */
export const modelConfigProtoPath = fileURLToPath(new URL('../../../proto/model_config.proto', import.meta.url));

function loadSchema(): MessageSchema {
  const { root } = protobuf.parse(readFileSync(modelConfigProtoPath, 'utf8'), { keepCase: true });
  root.resolveAll();
  return new SchemaBuilder().message(root.lookupType('inference.ModelConfig'));
}

/** Makes each message and enum once, however many fields have it. */
class SchemaBuilder {
  readonly #messages = new Map<string, MessageSchema>();
  readonly #enums = new Map<string, EnumSchema>();

  message(type: protobuf.Type): MessageSchema {
    const known = this.#messages.get(type.fullName);
    if (known !== undefined) return known;
    const fields = new Map<string, FieldSchema>();
    const fieldsByJsonName = new Map<string, FieldSchema>();
    const schema = { name: type.name, fields, fieldsByJsonName };
    this.#messages.set(type.fullName, schema);
    for (const field of type.fieldsArray) {
      const own = this.#field(field);
      fields.set(own.name, own);
      fieldsByJsonName.set(protobuf.util.camelCase(own.name), own);
    }
    return schema;
  }

  #field(field: protobuf.Field): FieldSchema {
    return {
      name: field.name,
      type: this.#type(field),
      isRepeated: field.repeated,
      mapKey: field instanceof protobuf.MapField ? mapKeyOf(field) : null,
      oneof: field.partOf?.name ?? null,
    };
  }

  #type(field: protobuf.Field): FieldType {
    const resolved = field.resolvedType;
    if (resolved instanceof protobuf.Type) return { kind: 'message', message: this.message(resolved) };
    if (resolved instanceof protobuf.Enum) return { kind: 'enum', enum: this.#enum(resolved) };
    if (!isScalar(field.type)) throw new Error(`model_config.proto: ${field.fullName} has the type ${field.type}`);
    return { kind: 'scalar', scalar: field.type };
  }

  #enum(type: protobuf.Enum): EnumSchema {
    let schema = this.#enums.get(type.fullName);
    if (schema === undefined) {
      const entries = Object.entries(type.values);
      schema = {
        name: type.name,
        numberOf: new Map(entries),
        nameOf: new Map(entries.map(([name, number]) => [number, name])),
      };
      this.#enums.set(type.fullName, schema);
    }
    return schema;
  }
}

function mapKeyOf(field: protobuf.MapField): 'string' | 'uint64' {
  if (field.keyType === 'string' || field.keyType === 'uint64') return field.keyType;
  throw new Error(`model_config.proto: ${field.fullName} has keys of type ${field.keyType}`);
}
