/** The names of the libraries that a shared library asks the loader for, read from its ELF file without opening it as one. */

import { closeSync, openSync, readSync } from 'node:fs';

const dynamicSection = 6;
const neededTag = 1n;
const sectionHeaderBytes = 64;
/** More than any library has. */
const maxSections = 4096;
const maxEntries = 4096;
const maxNameBytes = 256;

/** Bytes of a file at a place; fewer at its end. */
function readAt(file: number, offset: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  return buffer.subarray(0, readSync(file, buffer, 0, bytes, offset));
}

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly bytes: number;
  /** The section with the names of this one. */
  readonly link: number;
}

function sectionsOf(file: number): readonly Section[] {
  const header = readAt(file, 0, 64);
  // 64 bits, little-endian: the processors there are wheels for.
  if (header.length < 64 || header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) return [];
  const offset = Number(header.readBigUInt64LE(40));
  const count = Math.min(header.readUInt16LE(60), maxSections);
  const table = readAt(file, offset, count * sectionHeaderBytes);
  return Array.from({ length: Math.floor(table.length / sectionHeaderBytes) }, (_, i) => {
    const at = i * sectionHeaderBytes;
    return {
      type: table.readUInt32LE(at + 4),
      offset: Number(table.readBigUInt64LE(at + 24)),
      bytes: Number(table.readBigUInt64LE(at + 32)),
      link: table.readUInt32LE(at + 40),
    };
  });
}

function nameAt(file: number, offset: number): string {
  const bytes = readAt(file, offset, maxNameBytes);
  const end = bytes.indexOf(0);
  return end < 0 ? '' : bytes.toString('latin1', 0, end);
}

/** Empty for what is no shared library of this kind. Throws when the file cannot be read. */
export function neededLibraries(path: string): readonly string[] {
  const file = openSync(path, 'r');
  try {
    const sections = sectionsOf(file);
    const dynamic = sections.find(({ type }) => type === dynamicSection);
    const names = dynamic && sections[dynamic.link];
    if (dynamic === undefined || names === undefined) return [];
    const entries = readAt(file, dynamic.offset, Math.min(dynamic.bytes, maxEntries * 16));
    const needed: string[] = [];
    for (let at = 0; at + 16 <= entries.length; at += 16) {
      if (entries.readBigInt64LE(at) !== neededTag) continue;
      needed.push(nameAt(file, names.offset + Number(entries.readBigUInt64LE(at + 8))));
    }
    return needed.filter((name) => name !== '');
  } finally {
    closeSync(file);
  }
}
