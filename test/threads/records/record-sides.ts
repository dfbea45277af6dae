/** The writing and the reading side of records in one thread, and things for both kinds of record. */

import { MessageChannel } from 'node:worker_threads';
import fc from 'fast-check';
import { noParameters, type Parameters, type ParameterValue } from '../../../src/inference/request.ts';
import { datatypeNames } from '../../../src/tensor/datatype.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import type { Page } from '../../../src/threads/pages/page.ts';
import { PageArena } from '../../../src/threads/pages/page-arena.ts';
import { PageTable } from '../../../src/threads/pages/page-table.ts';
import { RecordReader, RecordWriter } from '../../../src/threads/records/record.ts';
import { hostBytes } from '../../../src/tensor/tensor-bytes.ts';

export const sharedPageBytes = 256 * 1024;

export interface RecordSides {
  readonly arena: PageArena;
  readonly writer: RecordWriter;
  readonly pages: PageTable;
  readonly reader: RecordReader;
  /** Points the reader at a record. */
  beginReading(pageId: number, start: number): void;
  close(): void;
}

export function recordSides(): RecordSides {
  const { port1, port2 } = new MessageChannel();
  const pages = new PageTable(port2);
  const reader = new RecordReader();
  return {
    arena: new PageArena(
      (id, memory) => port1.postMessage({ id, memory }),
      () => undefined,
    ),
    writer: new RecordWriter(),
    pages,
    reader,
    beginReading(pageId, start) {
      const { numbers, bytes } = pages.find(pageId);
      reader.begin(numbers, bytes, start);
    },
    close: () => port1.close(),
  };
}

/** Leaves that many bytes free at the end of the page that is being filled. */
export function leaveFree(arena: PageArena, bytes: number): void {
  let page = arena.reserve(8);
  while (page.filled > 8) page = arena.reserve(8);
  for (let left = sharedPageBytes - bytes - page.filled; left > 0; ) {
    const part = Math.min(left, sharedPageBytes / 4);
    arena.reserve(part);
    left -= part;
  }
}

/** Bytes that a record and its tensors take of a shared page, or null when one of them has a page of its own. */
export function recordRoom({ page, start }: { page: Page; start: number }, tensors: readonly Tensor[]): number | null {
  const largest = sharedPageBytes / 4;
  if (page.memory.byteLength !== sharedPageBytes || page.filled - start > largest) return null;
  if (tensors.some(({ data }) => data.length > largest)) return null;
  const room = tensors.reduce((sum, { data }) => sum + Math.ceil(data.length / 8) * 8, page.filled - start);
  return room <= sharedPageBytes ? room : null;
}

const text = (maxLength: number) => fc.string({ unit: 'grapheme', maxLength });

export const anyName = fc.oneof(
  fc.constantFrom('INPUT', 'OUTPUT', 'x', ''),
  text(12),
  fc.string({ unit: 'binary-ascii', minLength: 100, maxLength: 300 }),
);

export const anyText = fc.oneof(fc.constant(''), text(40), fc.constant('🦀'.repeat(500)));

const anyExtent = fc.oneof(fc.nat({ max: 16 }), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));

/** The bytes do not fit the shape: no record looks at that. */
export const anyTensor: fc.Arbitrary<Tensor> = fc.record({
  name: anyName,
  datatype: fc.constantFrom(...datatypeNames),
  shape: fc.array(anyExtent, { maxLength: 8 }),
  data: fc.oneof(
    { weight: 9, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 1, arbitrary: fc.nat({ max: 300_000 }).map((length) => new Uint8Array(length).fill(length)) },
  ),
});

const anyParameter: fc.Arbitrary<ParameterValue> = fc.oneof(
  fc.boolean(),
  fc.double(),
  fc.integer(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  anyText,
);

export const anyParameters: fc.Arbitrary<Parameters> = fc
  .array(fc.tuple(anyName, anyParameter), { maxLength: 6 })
  .map((pairs) => (pairs.length === 0 ? noParameters : new Map(pairs)));

/** With the bytes as a plain array, so that views on different memory compare. */
export const plainTensor = ({ data, ...rest }: Tensor) => ({
  ...rest,
  data: Buffer.from(hostBytes(data)).toString('base64'),
});
