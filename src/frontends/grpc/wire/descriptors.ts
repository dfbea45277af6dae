/**
 * The descriptors that reflection serves: files made by protoc (`proto/descriptors.binpb`), indexed by name and by
 * every symbol they declare. The bytes of a file are passed on unchanged, because strict clients accept nothing else:
 * descriptors that are rebuilt from parsed schemas lack the names of map entries, qualified type names and JSON names.
 */

import { WireReader } from './reader.ts';

export interface DescribedFile {
  readonly name: string;
  /** A serialized FileDescriptorProto; a view. */
  readonly bytes: Buffer;
  readonly imports: readonly string[];
}

export interface Descriptors {
  /** The file of that name and all it imports, itself first; null when there is none. */
  byFileName(name: string): readonly DescribedFile[] | null;
  /** The same for the file that declares the message, field, enum, enum value, service or method of that full name. */
  bySymbol(symbol: string): readonly DescribedFile[] | null;
  /** Whether a message has this full name. */
  isMessage(symbol: string): boolean;
}

/** Numbers of the length-delimited fields of `google/protobuf/descriptor.proto` that name something. */
const fileFields = { name: 1, package: 2, dependency: 3, message: 4, enum: 5, service: 6 } as const;

/** The names inside a declaration: by field number, and whether these have further names inside. */
interface Declaration {
  readonly isMessage?: true;
  readonly members: Readonly<Record<number, () => Declaration>>;
}

const leaf: Declaration = { members: {} };
const enumeration: Declaration = { members: {} };
const service: Declaration = { members: { 2: () => leaf } };
const message: Declaration = {
  isMessage: true,
  members: { 2: () => leaf, 3: () => message, 4: () => enumeration, 8: () => leaf },
};

/** @param set A serialized `FileDescriptorSet`. Throws for other bytes. */
export function readDescriptors(set: Buffer): Descriptors {
  const files = new Map<string, DescribedFile>();
  const symbols = new Map<string, DescribedFile>();
  const messages = new Set<string>();
  for (const bytes of fieldsOf(set, 1)) {
    const name = textOf(bytes, fileFields.name);
    const file = { name, bytes, imports: fieldsOf(bytes, fileFields.dependency).map(String) };
    files.set(name, file);
    const scope = textOf(bytes, fileFields.package);
    const declare = (part: Buffer, outer: string, kind: Declaration): void => {
      const symbol = outer === '' ? textOf(part, 1) : `${outer}.${textOf(part, 1)}`;
      symbols.set(symbol, file);
      if (kind.isMessage) messages.add(symbol);
      // Values of an enum have the scope of the enum itself, not one inside it.
      if (kind === enumeration) for (const value of fieldsOf(part, 2)) declare(value, outer, leaf);
      for (const [field, member] of Object.entries(kind.members)) {
        for (const inner of fieldsOf(part, Number(field))) declare(inner, symbol, member());
      }
    };
    for (const part of fieldsOf(bytes, fileFields.message)) declare(part, scope, message);
    for (const part of fieldsOf(bytes, fileFields.enum)) declare(part, scope, enumeration);
    for (const part of fieldsOf(bytes, fileFields.service)) declare(part, scope, service);
  }
  const withImports = (file: DescribedFile | undefined): readonly DescribedFile[] | null => {
    if (file === undefined) return null;
    const all = new Set([file]);
    for (const one of all) {
      for (const name of one.imports) {
        const imported = files.get(name);
        if (imported === undefined) throw new Error(`the descriptors lack '${name}', which '${one.name}' imports`);
        all.add(imported);
      }
    }
    return [...all];
  };
  return {
    byFileName: (name) => withImports(files.get(name)),
    bySymbol: (symbol) => withImports(symbols.get(symbol)),
    isMessage: (symbol) => messages.has(symbol),
  };
}

/** The contents of every length-delimited field of that number, in order. */
function fieldsOf(bytes: Buffer, field: number): Buffer[] {
  const reader = new WireReader(bytes);
  const found: Buffer[] = [];
  while (reader.at < reader.limit) {
    const tag = reader.readTag();
    if (tag !== field * 8 + 2) reader.skipUnknown(tag, 0);
    else {
      const length = reader.readLength();
      found.push(bytes.subarray(reader.at, reader.at + length));
      reader.advance(length);
    }
  }
  return found;
}

const textOf = (bytes: Buffer, field: number): string => fieldsOf(bytes, field).at(-1)?.toString('utf8') ?? '';
