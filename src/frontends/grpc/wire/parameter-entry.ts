/** One entry of a `map<string, InferParameter>` on the wire, of a request or a tensor. */

import type { ParameterValue } from '../../../inference/request.ts';
import type { ParameterKind } from '../../../inference/request-fields.ts';
import type { WireReader } from './reader.ts';

interface ParameterEntry {
  readonly key: string;
  /** Which field of the oneof was set; null when none was. */
  readonly kind: ParameterKind | null;
  /** Integers are numbers while they are safe and bigints beyond. */
  readonly value: ParameterValue;
}

/** Reads the entry whose length follows. Key and value may come in any order; a missing one has its default. */
export function readParameterEntry(reader: WireReader): ParameterEntry {
  let key = '';
  let kind: ParameterKind | null = null;
  let value: ParameterValue = false;
  const outer = reader.enter();
  while (reader.at < reader.limit) {
    reader.countField();
    const tag = reader.readTag();
    if (tag === 0x0a) {
      key = reader.readName();
    } else if (tag === 0x12) {
      const entry = reader.enter();
      while (reader.at < reader.limit) {
        reader.countField();
        const choice = reader.readTag();
        switch (choice) {
          case 0x08:
            reader.readVarint();
            kind = 'bool';
            value = (reader.low | reader.high) !== 0;
            break;
          case 0x10:
            reader.readVarint();
            kind = 'int64';
            value = reader.signed() ?? BigInt.asIntN(64, wide(reader));
            break;
          case 0x1a:
            kind = 'string';
            value = reader.readText('the text of a parameter');
            break;
          case 0x21: {
            const { bytes, at } = reader;
            reader.advance(8);
            kind = 'double';
            value = bytes.readDoubleLE(at);
            break;
          }
          case 0x28: {
            reader.readVarint();
            const unsigned = wide(reader);
            kind = 'uint64';
            value = unsigned <= Number.MAX_SAFE_INTEGER ? Number(unsigned) : unsigned;
            break;
          }
          default:
            reader.skipUnknown(choice, 5);
        }
      }
      reader.leave(entry);
    } else {
      reader.skipUnknown(tag, 2);
    }
  }
  reader.leave(outer);
  return { key, kind, value };
}

const wide = (reader: WireReader): bigint => (BigInt(reader.high) << 32n) | BigInt(reader.low);
