/** Requests written into pages and read back. */

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InferenceRequest, SequenceControl } from '../../../src/inference/request.ts';
import { datatypeNames } from '../../../src/tensor/datatype.ts';
import { type RequestOrigin, readRequest, writeRequest } from '../../../src/threads/records/request-record.ts';
import { inferenceRequest, tensor } from '../../fakes/make-request.ts';
import {
  anyName,
  anyParameters,
  anyTensor,
  anyText,
  leaveFree,
  plainTensor,
  type RecordSides,
  recordRoom,
  recordSides,
  sharedPageBytes,
} from './record-sides.ts';
import { hostBytes, RegionBytes } from '../../../src/tensor/tensor-bytes.ts';

let sides: RecordSides;
beforeEach(() => {
  sides = recordSides();
});
afterEach(() => sides.close());

const someTimes: RequestOrigin = { receivedAtMs: 12.5, deadlineMs: Number.POSITIVE_INFINITY, connection: 4095 };

function written(request: InferenceRequest, times = someTimes) {
  return writeRequest(sides.arena, sides.writer, request, times);
}

function roundTrip(request: InferenceRequest, times = someTimes): InferenceRequest & RequestOrigin {
  const { page, start } = written(request, times);
  sides.beginReading(page.id, start);
  return readRequest(sides.pages, sides.reader);
}

/** What crosses; a draft has more. */
const plain = (request: InferenceRequest & Partial<RequestOrigin>) => ({
  modelName: request.modelName,
  modelVersion: request.modelVersion,
  id: request.id,
  priority: request.priority,
  timeoutUs: request.timeoutUs,
  sequence: request.sequence,
  heldBytes: request.heldBytes,
  receivedAtMs: request.receivedAtMs,
  deadlineMs: request.deadlineMs,
  connection: request.connection,
  outputs: request.outputs,
  parameters: [...request.parameters],
  inputs: request.inputs.map(plainTensor),
});

/** As it arrives when none of its tensors lies in a page: the copies are held as well. */
const withCopies = (request: InferenceRequest): InferenceRequest => ({
  ...request,
  heldBytes: request.inputs.reduce((sum, { data }) => sum + data.length, 0) + request.heldBytes,
});

const anySequence: fc.Arbitrary<SequenceControl> = fc.record({
  id: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom('', '12', '0'), anyText),
  start: fc.boolean(),
  end: fc.boolean(),
});

const anyRequest: fc.Arbitrary<InferenceRequest> = fc.record({
  modelName: anyName,
  modelVersion: fc.constantFrom('', '1', '20260101'),
  id: anyText,
  inputs: fc.array(anyTensor, { maxLength: 5 }),
  outputs: fc.array(fc.record({ name: anyName, classificationCount: fc.nat({ max: 1000 }) }), { maxLength: 5 }),
  parameters: anyParameters,
  priority: fc.nat({ max: 2 ** 32 - 1 }),
  timeoutUs: fc.maxSafeNat(),
  sequence: fc.option(anySequence),
  heldBytes: fc.maxSafeNat(),
});

const anyTimes: fc.Arbitrary<RequestOrigin> = fc.record({
  receivedAtMs: fc.double({ min: -1e12, max: 1e12, noNaN: true }),
  deadlineMs: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.double({ min: 0, max: 1e12, noNaN: true })),
  connection: fc.nat({ max: 4095 }),
});

describe('a request that crosses threads', () => {
  it('arrives unchanged, for any content', () => {
    fc.assert(
      fc.property(anyRequest, anyTimes, (request, times) => {
        expect(plain(roundTrip(request, times))).toEqual(plain({ ...withCopies(request), ...times }));
      }),
      { seed: 301, numRuns: 500 },
    );
  });

  it('fits the room that was reserved for it, to the very end of a page', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const first = written(request);
        sides.beginReading(first.page.id, first.start);
        readRequest(sides.pages, sides.reader);
        const room = recordRoom(first, request.inputs);
        fc.pre(room !== null);
        // Names are written out again.
        const fresh = recordSides();
        leaveFree(fresh.arena, room as number);
        const { page, start } = writeRequest(fresh.arena, fresh.writer, request, someTimes);
        expect(page.filled).toBe(sharedPageBytes);
        fresh.beginReading(page.id, start);
        expect(plain(readRequest(fresh.pages, fresh.reader))).toEqual(plain({ ...withCopies(request), ...someTimes }));
        fresh.close();
      }),
      { seed: 302, numRuns: 200 },
    );
  });

  it('writes nothing outside of the room that was reserved for it', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const { page } = written(request);
        const after = sides.arena.reserve(8);
        if (after.id !== page.id) return;
        const guard = sides.arena.start / 8;
        expect(page.numbers[guard]).toBe(0);
      }),
      { seed: 303, numRuns: 200 },
    );
  });

  it.each(datatypeNames)('keeps a tensor of %s of every rank', (datatype) => {
    for (let rank = 0; rank <= 8; rank++) {
      const sent = tensor('T', datatype, new Array(rank).fill(2 ** 53 - 1), Uint8Array.of(rank, 255));
      const { inputs } = roundTrip(inferenceRequest({ inputs: [sent, sent] }));
      expect(inputs.map(plainTensor)).toEqual([plainTensor(sent), plainTensor(sent)]);
    }
  });

  it('keeps a tensor of no bytes', () => {
    const empty = tensor('EMPTY', 'FP32', [0, 4], new Uint8Array(0));
    const full = tensor('FULL', 'INT8', [1], Uint8Array.of(9));
    const { inputs } = roundTrip(inferenceRequest({ inputs: [empty, full, empty] }));
    expect(inputs.map(plainTensor)).toEqual([empty, full, empty].map(plainTensor));
  });

  it('may ask for nothing and say nothing', () => {
    const request = inferenceRequest({ modelName: '', inputs: [] });
    expect(plain(roundTrip(request))).toEqual(plain({ ...withCopies(request), ...someTimes }));
  });

  it('keeps a sequence id of text apart from a number', () => {
    for (const id of [0n, 2n ** 64n - 1n, '', '0', '18446744073709551615', 'ä']) {
      const { sequence } = roundTrip(inferenceRequest({ sequence: { id, start: true, end: false } }));
      expect(sequence).toEqual({ id, start: true, end: false });
    }
  });
});

describe('the bytes of a request', () => {
  it('are copied when they lie elsewhere, and the copies go back with the record', () => {
    const data = Uint8Array.of(1, 2, 3);
    const record = written(inferenceRequest({ inputs: [tensor('A', 'INT8', [3], data)] }));
    data.fill(0);
    expect(record.places.map((place) => [...place.view()])).toEqual([[1, 2, 3]]);
    expect(record.countedBytes).toBe(3);
    record.release(sides.arena);
    expect(sides.arena.openCount).toBe(0);
  });

  it('are not copied when they lie in a page already', () => {
    const received = sides.arena.take(64);
    received.fill(5);
    const inputs = [
      tensor('A', 'INT8', [3], received.subarray(8, 11)),
      tensor('B', 'INT8', [2], Uint8Array.of(1, 2)),
      tensor('C', 'INT8', [4], received.subarray(60)),
    ];
    const { page, start, countedBytes } = written(inferenceRequest({ inputs }));
    expect(countedBytes).toBe(2);
    sides.beginReading(page.id, start);
    const read = readRequest(sides.pages, sides.reader);
    expect(read.inputs.map(plainTensor)).toEqual(inputs.map(plainTensor));
    received.fill(6);
    expect([0, 2].flatMap((i) => [...hostBytes(read.inputs[i].data)])).toEqual([6, 6, 6, 6, 6, 6, 6]);
  });

  it('stay in their page until the record is released, even if they are released before', () => {
    const block = sides.arena.take(100_000).fill(4);
    const record = written(inferenceRequest({ inputs: [tensor('A', 'INT8', [8], block.subarray(8, 16))] }));
    sides.arena.giveBack(block);
    sides.arena.take(100_000).fill(5);
    sides.beginReading(record.page.id, record.start);
    const { inputs } = readRequest(sides.pages, sides.reader);
    expect([...hostBytes(inputs[0].data)]).toEqual(new Array(8).fill(4));
    record.release(sides.arena);
    expect(sides.arena.openCount).toBe(1);
  });

  it('are part of a page as long as they have not been looked at', () => {
    const { page, start } = written(inferenceRequest({ inputs: [tensor('A', 'INT8', [2], Uint8Array.of(1, 2))] }));
    sides.beginReading(page.id, start);
    const { data } = readRequest(sides.pages, sides.reader).inputs[0];
    expect(data).toBeInstanceOf(RegionBytes);
    expect((data as RegionBytes).region).toBe(sides.pages.find(page.id));
  });

  it('are never those of another request', () => {
    const large = [70_000, 300_000, 9_000_000, 10].map((length, i) =>
      inferenceRequest({ inputs: [tensor('A', 'INT8', [length], new Uint8Array(length).fill(i + 1))] }),
    );
    const records = large.map((request) => written(request));
    for (const [i, { page, start }] of records.entries()) {
      sides.beginReading(page.id, start);
      const { inputs } = readRequest(sides.pages, sides.reader);
      expect(inputs[0].data.length).toBe(large[i].inputs[0].data.length);
      expect(hostBytes(inputs[0].data).every((byte) => byte === i + 1)).toBe(true);
    }
  });
});
