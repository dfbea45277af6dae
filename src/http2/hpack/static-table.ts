/** HPACK's static table (RFC 7541 appendix A), by index and by name. */

import { HeaderField } from '../header-field.ts';

const withValues: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
];

const withoutValues: readonly string[] = [
  'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control',
  'content-disposition content-encoding content-language content-length content-location content-range content-type',
  'cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since',
  'last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after',
  'server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate',
].flatMap((names) => names.split(' '));

/** By HPACK index: 1 to 61. Index 0 is no entry. */
export const staticTable: readonly HeaderField[] = [
  new HeaderField('', ''),
  ...withValues.map(([name, value]) => new HeaderField(name, value)),
  ...withoutValues.map((name) => new HeaderField(name, '')),
];

/** The highest index of the static table; the dynamic table's newest entry has the next one. */
export const lastStaticIndex = staticTable.length - 1;

/** The first index of each name. Entries of one name follow each other. */
const firstIndexByName = new Map<string, number>();
for (let index = lastStaticIndex; index >= 1; index--) firstIndexByName.set(staticTable[index]!.name, index);

/** Lowest static index with this name; 0 when there is none. */
export function staticNameIndex(name: string): number {
  return firstIndexByName.get(name) ?? 0;
}

/**
 * Static index of exactly this name and value; 0 when there is none.
 *
 * @param nameIndex The result of `staticNameIndex` for the name, not 0.
 */
export function staticFieldIndex(nameIndex: number, name: string, value: string): number {
  for (let index = nameIndex; index <= lastStaticIndex; index++) {
    const field = staticTable[index]!;
    if (field.name !== name) return 0;
    if (field.value === value) return index;
  }
  return 0;
}
