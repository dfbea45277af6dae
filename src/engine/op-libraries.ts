/**
 * Libraries of custom operators. What would end the process or leave old code in use is found here, because the dynamic
 * loader finds neither, and its errors contain paths and no advice.
 */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, sep } from 'node:path';
import { unavailable } from '../errors.ts';
import { fileThreads } from '../file-threads.ts';
import { quoted } from '../shown-text.ts';

interface LoadedFile {
  readonly dev: bigint;
  readonly ino: bigint;
  /** How often the path had another file before. */
  readonly replacements: number;
}

/** The libraries of one process, as the dynamic loader knows them. */
export class OpLibraries {
  readonly #loaded = new Map<string, LoadedFile>();

  /**
   * The paths by which the runtime loads these libraries. The loader compares names first: it would return the library
   * that it loaded under this name, although the file has been replaced. So a replaced file gets another name.
   * Rejects `unavailable` with the name of the first library that cannot be loaded.
   */
  async namesFor(paths: readonly string[]): Promise<string[]> {
    const names: string[] = [];
    for (const path of paths) {
      const { dev, ino } = await fileThreads.contents(() => checkLibrary(path));
      const before = this.#loaded.get(path);
      const isSame = before === undefined || (before.dev === dev && before.ino === ino);
      const replacements = (before?.replacements ?? 0) + (isSame ? 0 : 1);
      this.#loaded.set(path, { dev, ino, replacements });
      names.push(renamed(path, replacements));
    }
    return names;
  }
}

/** The same file by a name that is different for each number: its binary digits are `//` and `/./`. */
function renamed(path: string, number: number): string {
  if (number === 0) return path;
  const digits = number.toString(2).replaceAll('0', sep).replaceAll('1', `.${sep}`);
  return `${dirname(path)}${sep}${digits}${basename(path)}`;
}

async function checkLibrary(path: string): Promise<{ readonly dev: bigint; readonly ino: bigint }> {
  const refuse = (problem: string): Error =>
    unavailable(`custom operator library ${quoted(basename(path))} ${problem}`);
  const relativeTo = "op_library_filename is relative to the model's folder";
  // Without O_NONBLOCK the open of a named pipe would wait for a writer and keep a thread of the pool for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    throw refuse(error.code === 'ENOENT' ? `does not exist: ${relativeTo}` : `cannot be read (${error.code})`);
  });
  try {
    const facts = await file.stat({ bigint: true });
    if (!facts.isFile()) throw refuse(`is no regular file: ${relativeTo}`);
    const neededBytes = await elfBytes(file);
    if (neededBytes > facts.size) {
      throw refuse(`is cut off: its segments need ${neededBytes} bytes, the file has ${facts.size}`);
    }
    return facts;
  } finally {
    await file.close();
  }
}

/** Places and sizes in the header of a 64-bit ELF file, and in its program headers (System V ABI, chapters 4 and 5). */
const elf = {
  headerBytes: 64,
  tableOffset: 32,
  entryBytes: 54,
  entries: 56,
  program: { bytes: 56, offset: 8, fileBytes: 32, load: 1 },
} as const;

/** `\x7fELF`, 64 bits, little endian. */
const elfMagic = Buffer.from('7f454c460201', 'hex');

/**
 * The size that a shared library must have. The loader maps the segments without comparing them with the size of the
 * file, and the first touch of a page behind its end is SIGBUS. 0 for another kind of file, which the loader refuses.
 */
async function elfBytes(file: FileHandle): Promise<bigint> {
  const header = await read(file, 0n, elf.headerBytes);
  if (header.length < elf.headerBytes || !header.subarray(0, elfMagic.length).equals(elfMagic)) return 0n;
  const tableOffset = header.readBigUInt64LE(elf.tableOffset);
  const entryBytes = header.readUInt16LE(elf.entryBytes);
  const tableBytes = header.readUInt16LE(elf.entries) * entryBytes;
  let needed = tableOffset + BigInt(tableBytes);
  const table = await read(file, tableOffset, tableBytes);
  for (let at = 0; at + elf.program.bytes <= table.length && entryBytes >= elf.program.bytes; at += entryBytes) {
    if (table.readUInt32LE(at) !== elf.program.load) continue;
    const end = table.readBigUInt64LE(at + elf.program.offset) + table.readBigUInt64LE(at + elf.program.fileBytes);
    if (end > needed) needed = end;
  }
  return needed;
}

async function read(file: FileHandle, offset: bigint, length: number): Promise<Buffer> {
  // Offsets beyond those of any file would be an error of the type and not of the library.
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) return Buffer.alloc(0);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, Number(offset));
  return buffer.subarray(0, bytesRead);
}
