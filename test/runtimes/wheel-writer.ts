/** Wheels for tests: zip archives of a few files, stored or deflated, and lock files for them. */

import { createHash } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';
import type { LockedWheel, RuntimeLock } from '../../src/runtimes/runtime-lock.ts';

export interface WheelEntry {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** The mode of Unix with the file type; that of a plain file unless given. */
  readonly mode?: number;
  readonly deflated?: boolean;
}

const twoBytes = (value: number): Buffer => Buffer.from(Uint16Array.of(value).buffer);
const fourBytes = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);

/** A zip archive; names are written as they are, also bad ones. */
export function zipOf(entries: readonly WheelEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { path, bytes, mode = 0o100644, deflated = false } of entries) {
    const name = Buffer.from(path);
    const stored = deflated ? deflateRawSync(bytes) : Buffer.from(bytes);
    const facts = [
      twoBytes(deflated ? 8 : 0),
      fourBytes(0),
      fourBytes(crc32(bytes)),
      fourBytes(stored.length),
      fourBytes(bytes.length),
      twoBytes(name.length),
      twoBytes(0),
    ];
    const local = Buffer.concat([fourBytes(0x04034b50), twoBytes(20), twoBytes(0), ...facts, name, stored]);
    const unixMadeIt = 3 << 8;
    directory.push(
      Buffer.concat([fourBytes(0x02014b50), twoBytes(unixMadeIt | 20), twoBytes(20), twoBytes(0), ...facts]),
      Buffer.concat([twoBytes(0), twoBytes(0), twoBytes(0), fourBytes((mode << 16) >>> 0), fourBytes(offset), name]),
    );
    parts.push(local);
    offset += local.length;
  }
  const index = Buffer.concat(directory);
  const count = twoBytes(entries.length);
  const end = [
    fourBytes(0x06054b50),
    twoBytes(0),
    twoBytes(0),
    count,
    count,
    fourBytes(index.length),
    fourBytes(offset),
  ];
  return Buffer.concat([...parts, index, ...end, twoBytes(0)]);
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export interface TestWheel {
  readonly locked: LockedWheel;
  readonly bytes: Buffer;
}

/** A wheel with libraries of these sizes and a licence. `extra` is in the archive and not in the lock file. */
export function wheelOf(
  project: string,
  libraries: Readonly<Record<string, number>>,
  extra: readonly WheelEntry[] = [],
): TestWheel {
  const wanted = Object.entries(libraries).map(([name, bytes]) => ({ path: `nvidia/lib/${name}`, name, bytes }));
  const contents = wanted.map(({ path, bytes }, i) => ({
    path,
    bytes: Uint8Array.from({ length: bytes }, (_, at) => (at * 7 + i) % 251),
    deflated: i % 2 === 0,
  }));
  const licence = { path: `${project}.dist-info/licenses/License.txt`, bytes: Buffer.from('terms') };
  const bytes = zipOf([...contents, licence, ...extra]);
  return { locked: lockedWheel(project, bytes, wanted, [licence.path]), bytes };
}

export const lockedWheel = (
  project: string,
  bytes: Uint8Array,
  libraries: LockedWheel['libraries'],
  licences: readonly string[] = [],
): LockedWheel => ({
  project,
  version: '1.0',
  file: `${project.replaceAll('-', '_')}-1.0-py3-none-any.whl`,
  bytes: bytes.length,
  sha256: sha256Of(bytes),
  libraries,
  licences,
});

export const lockOf = (wheels: readonly LockedWheel[]): RuntimeLock => ({
  release: '1.99.0',
  cuda: 13,
  minimumDriver: '580.65.06',
  minimumComputeCapability: 7.5,
  platforms: { 'linux-x64': wheels },
});
