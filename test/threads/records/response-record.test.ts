/** Responses and errors written into pages and read back. */

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorCodes, InferenceError } from '../../../src/errors.ts';
import { noParameters } from '../../../src/inference/request.ts';
import type { InferenceResponse, OutputTensor } from '../../../src/inference/response.ts';
import { bytesToCopy, placeTensors } from '../../../src/threads/records/placed-tensors.ts';
import { readError, readResponse, writeError, writeResponse } from '../../../src/threads/records/response-record.ts';
import { hostBytes, RegionBytes } from '../../../src/tensor/tensor-bytes.ts';
import { output } from '../../fakes/fake-inference-server.ts';
import { tensor } from '../../fakes/make-request.ts';
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

let sides: RecordSides;
beforeEach(() => {
  sides = recordSides();
});
afterEach(() => sides.close());

const release = (): void => undefined;

function response(outputs: readonly OutputTensor[], rest: Partial<InferenceResponse> = {}): InferenceResponse {
  return {
    modelName: 'm',
    modelVersion: '1',
    id: '',
    isBatched: false,
    parameters: noParameters,
    outputs,
    release,
    ...rest,
  };
}

function roundTrip(sent: InferenceResponse): InferenceResponse {
  const { page, start } = writeResponse(sides.arena, sides.writer, sent);
  sides.beginReading(page.id, start);
  return readResponse(sides.pages, sides.reader, release);
}

const plain = ({ outputs, parameters, ...rest }: InferenceResponse) => ({
  ...rest,
  parameters: [...parameters],
  outputs: outputs.map(({ labels, classificationCount, ...rest }) => ({
    ...plainTensor(rest),
    classificationCount,
    labels: classificationCount > 0 ? labels : [],
  })),
});

const anyOutput: fc.Arbitrary<OutputTensor> = fc
  .tuple(anyTensor, fc.nat({ max: 3 }), fc.array(anyText, { maxLength: 8 }))
  .map(([sent, classificationCount, labels]) => output(sent, classificationCount, labels));

const anyResponse: fc.Arbitrary<InferenceResponse> = fc.record({
  modelName: anyName,
  modelVersion: fc.constantFrom('1', '20260101'),
  id: anyText,
  isBatched: fc.boolean(),
  parameters: anyParameters,
  outputs: fc.array(anyOutput, { maxLength: 5 }),
  release: fc.constant(release),
});

describe('a response that crosses threads', () => {
  it('arrives unchanged, for any content', () => {
    fc.assert(
      fc.property(anyResponse, (sent) => {
        expect(plain(roundTrip(sent))).toEqual(plain(sent));
      }),
      { seed: 311, numRuns: 500 },
    );
  });

  it('fits the room that was reserved for it, to the very end of a page', () => {
    fc.assert(
      fc.property(anyResponse, (sent) => {
        const first = writeResponse(sides.arena, sides.writer, sent);
        sides.beginReading(first.page.id, first.start);
        readResponse(sides.pages, sides.reader, release);
        const room = recordRoom(first, sent.outputs);
        fc.pre(room !== null);
        // Names are written out again.
        const fresh = recordSides();
        leaveFree(fresh.arena, room as number);
        const { page, start } = writeResponse(fresh.arena, fresh.writer, sent);
        expect(page.filled).toBe(sharedPageBytes);
        fresh.beginReading(page.id, start);
        expect(plain(readResponse(fresh.pages, fresh.reader, release))).toEqual(plain(sent));
        fresh.close();
      }),
      { seed: 312, numRuns: 200 },
    );
  });

  it('has copies of its bytes, so that those it was made from may go', () => {
    const data = Uint8Array.of(1, 2, 3);
    const sent = response([
      output(tensor('A', 'UINT8', [3], data)),
      output(tensor('B', 'UINT8', [0], new Uint8Array())),
    ]);
    const { page, start, places } = writeResponse(sides.arena, sides.writer, sent);
    data.fill(0);
    sides.beginReading(page.id, start);
    const { outputs } = readResponse(sides.pages, sides.reader, release);
    expect(outputs.map((each) => [...hostBytes(each.data)])).toEqual([[1, 2, 3], []]);
    expect(places.map(({ length }) => length)).toEqual([3, 0]);
  });

  it('leaves bytes where they are that lie in a page of its own arena, and keeps them there', () => {
    const place = sides.arena.copy(new Uint8Array(100_000).fill(7));
    const record = writeResponse(sides.arena, sides.writer, response([output(tensor('A', 'INT8', [100_000], place))]));
    expect(record.places).toEqual([place]);
    expect(record.countedBytes).toBeGreaterThan(100_000);
    sides.arena.release(place.region);
    sides.arena.copy(new Uint8Array(100_000).fill(8));
    sides.beginReading(record.page.id, record.start);
    const { outputs } = readResponse(sides.pages, sides.reader, release);
    expect(hostBytes(outputs[0].data).every((byte) => byte === 7)).toBe(true);
    record.release(sides.arena);
    expect(sides.arena.openCount).toBe(1);
  });

  it('carries labels if classes are requested', () => {
    const labels = ['cat', '', 'Zürich', '犬'];
    const sent = tensor('SCORES', 'FP32', [4], new Uint8Array(16));
    const { outputs } = roundTrip(response([output(sent, 2, labels), output(sent, 0, labels), output(sent, 1)]));
    expect(outputs.map((each) => each.labels)).toEqual([labels, [], []]);
    expect(outputs.map((each) => each.classificationCount)).toEqual([2, 0, 1]);
  });

  it('is released by the function that the reader gives it', () => {
    let releases = 0;
    const { page, start } = writeResponse(sides.arena, sides.writer, response([]));
    expect(releases).toBe(0);
    sides.beginReading(page.id, start);
    readResponse(sides.pages, sides.reader, () => releases++).release();
    expect(releases).toBe(1);
  });

  it('keeps many labels of a large model', () => {
    const labels = Array.from({ length: 21_000 }, (_, i) => `class ${i} – Ökosystem`);
    const sent = tensor('SCORES', 'FP32', [21_000], new Uint8Array(84_000).fill(1));
    const { outputs } = roundTrip(response([output(sent, 5, labels)]));
    expect(outputs[0].labels).toEqual(labels);
    expect(plainTensor(outputs[0]).data).toEqual(plainTensor(sent).data);
  });
});

describe('an error that crosses threads', () => {
  it.each(errorCodes)('keeps its code %s and its sentence', (code) => {
    for (const message of ['', 'one sentence', 'ü'.repeat(3000)]) {
      const { page, start } = writeError(sides.arena, sides.writer, new InferenceError(code, message));
      sides.beginReading(page.id, start);
      const error = readError(sides.reader);
      expect(error).toBeInstanceOf(InferenceError);
      expect([error.code, error.message]).toEqual([code, message]);
    }
  });

  it('fits the room that was reserved for it, to the very end of a page', () => {
    fc.assert(
      fc.property(anyText, (message) => {
        const sent = new InferenceError('internal', message);
        const first = writeError(sides.arena, sides.writer, sent);
        const recordBytes = first.page.filled - first.start;
        leaveFree(sides.arena, recordBytes);
        const { page, start } = writeError(sides.arena, sides.writer, sent);
        expect(start + recordBytes).toBe(sharedPageBytes);
        sides.beginReading(page.id, start);
        expect(readError(sides.reader).message).toBe(message);
      }),
      { seed: 313, numRuns: 100 },
    );
  });
});

describe('the bytes to copy of an answer', () => {
  it('are those of outputs that are in no page of the arena, neither as a view nor as a part', () => {
    const room = sides.arena.room(64);
    const outputs = [
      tensor('view', 'INT8', [8], room.view().subarray(0, 8)),
      tensor('part', 'INT8', [4], new RegionBytes(room.region, room.offset, 4)),
      tensor('elsewhere', 'INT8', [3], Uint8Array.of(1, 2, 3)),
      tensor('other region', 'INT8', [2], new RegionBytes({ memory: new ArrayBuffer(2), byteLength: 2 }, 0, 2)),
    ];
    expect(outputs.map((one) => bytesToCopy(sides.arena, [one]))).toEqual([0, 0, 3, 2]);
    const places = placeTensors(sides.arena, outputs);
    expect(places.map(({ region }) => region === room.region)).toEqual([true, true, true, true]);
    expect(places.slice(0, 2).map(({ offset }) => offset)).toEqual([room.offset, room.offset]);
    expect(bytesToCopy(sides.arena, outputs)).toBe(5);
  });
});
