/** Messages with so many typed elements that reading them in one turn would block the event loop. */

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inferMethod } from '../../../../src/frontends/grpc/infer/handler.ts';
import {
  decodeInferRequest,
  InferDecoding,
  modelOfCostly,
  requestIdOf,
} from '../../../../src/frontends/grpc/infer/request-codec.ts';
import type { OutgoingMessage, UnaryCall } from '../../../../src/frontends/grpc/transport/transport.ts';
import { SliceQueue } from '../../../../src/frontends/slice-queue.ts';
import type { InferenceRequest } from '../../../../src/inference/request.ts';
import { silentLogger } from '../../../../src/logger.ts';
import { hostBytes } from '../../../../src/tensor/tensor-bytes.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeInferenceServer, output } from '../../../fakes/fake-inference-server.ts';
import { inferenceContext } from '../../../fakes/make-request.ts';
import { countedReads } from '../../counted-reads.ts';
import { encodeRequest, wire } from '../protobuf-oracle.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const noReserve = (): void => undefined;
const contents = (field: Uint8Array) => wire.bytes(5, field);
const input = (datatype: string, count: number, ...parts: readonly Uint8Array[]): Buffer =>
  wire.bytes(5, wire.join(wire.bytes(1, 'X'), wire.bytes(2, datatype), wire.number(3, count), ...parts));
const message = (...inputs: readonly Uint8Array[]): Buffer => wire.join(wire.bytes(1, 'm'), ...inputs);
const repeated = (part: Uint8Array, count: number): Buffer => Buffer.alloc(part.length * count, part);

const mib = 2 ** 20;
const many = mib / 4;
const large: Readonly<Record<string, Buffer>> = {
  'empty strings': message(input('BYTES', many, contents(repeated(wire.bytes(8, ''), many)))),
  'short strings': message(input('BYTES', many / 4, contents(repeated(wire.bytes(8, 'abcdef'), many / 4)))),
  'strings of some length': message(input('BYTES', 8192, contents(repeated(wire.bytes(8, 'x'.repeat(200)), 8192)))),
  'one string': message(input('BYTES', 1, contents(wire.bytes(8, Buffer.alloc(8 * mib, 'y'))))),
  'packed integers': message(input('INT64', many, contents(wire.bytes(3, repeated(wire.varint(300), many))))),
  'integers one by one': message(input('INT32', many, contents(repeated(wire.number(2, 7), many)))),
  'packed floats': message(input('FP32', 2 * mib, contents(wire.bytes(6, Buffer.alloc(8 * mib, 1))))),
  'floats one by one': message(
    input('FP64', many / 4, contents(repeated(wire.join(wire.tag(7, 1), Buffer.alloc(8, 1)), many / 4))),
  ),
  'contents again and again': message(input('BOOL', many, repeated(contents(wire.number(1, 1)), many))),
  'fields that nobody knows': message(
    input('BOOL', 1, contents(wire.join(repeated(wire.number(99, 1), many / 4), wire.number(1, 1)))),
  ),
};

const plain = ({ inputs, ...rest }: InferenceRequest) => ({
  ...rest,
  inputs: inputs.map(({ data, ...tensor }) => ({
    ...tensor,
    data: createHash('sha256').update(hostBytes(data)).digest('hex'),
  })),
});

function inTurns(
  bytes: Buffer,
  reserve: (bytes: number) => void = noReserve,
): { request: InferenceRequest; turns: number } {
  const decoding = new InferDecoding(bytes, null, reserve);
  for (let turns = 1; ; turns++) {
    const request = decoding.turn();
    if (request !== null) return { request, turns };
  }
}

describe('a message that is read in turns', () => {
  it.each(Object.entries(large))('is the same as in one go, with %s', (_what, bytes) => {
    const { request, turns } = inTurns(bytes);
    expect(turns).toBeGreaterThan(2);
    expect(plain(request)).toEqual(plain(decodeInferRequest(bytes, null)));
  });

  it('is the same whatever it holds', () => {
    const tensors = fc.array(
      fc.oneof(
        fc.array(fc.uint8Array({ maxLength: 200 })).map((elements) => ({
          datatype: 'BYTES',
          shape: [elements.length],
          contents: { bytes_contents: elements },
        })),
        fc.array(fc.integer()).map((elements) => ({
          datatype: 'INT32',
          shape: [elements.length],
          contents: { int_contents: elements },
        })),
        fc.array(fc.float()).map((elements) => ({
          datatype: 'FP32',
          shape: [elements.length],
          contents: { fp32_contents: elements },
        })),
      ),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(tensors, (made) => {
        const inputs = made.map((tensor, i) => ({ name: `X${i}`, ...tensor }));
        const bytes = encodeRequest({ model_name: 'm', id: 'i', inputs });
        expect(plain(inTurns(bytes).request)).toEqual(plain(decodeInferRequest(bytes, null)));
      }),
    );
  });

  it.each(Object.entries(large))('takes a bounded number of steps in each turn, with %s', (_what, bytes) => {
    const counted = countedReads(bytes);
    const decoding = new InferDecoding(counted.bytes, null, noReserve);
    let before = 0;
    let turns = 0;
    for (let request: InferenceRequest | null = null; request === null; turns++) {
      request = decoding.turn();
      const steps = counted.reads() - before;
      before += steps;
      // Copied bytes are cheaper; the first turn looks at every field around the elements.
      expect(steps).toBeLessThan(2.5 * mib);
    }
    expect(turns).toBeGreaterThan(2);
  });

  it.each([
    ['a string that is cut', wire.join(wire.bytes(8, 'abc'), wire.tag(8, 2), wire.varint(9), Buffer.from('x'))],
    ['a number that is cut', wire.bytes(3, Buffer.alloc(200_000, 0x80))],
    ['elements of two fields', wire.join(wire.number(2, 1), wire.number(3, 1))],
  ])('is refused like one that is read in one go: %s', (_what, field) => {
    const bytes = message(input('INT32', 1, contents(field)));
    const refusal = (decode: () => unknown): string => {
      try {
        decode();
      } catch (error) {
        return (error as Error).message;
      }
      throw new Error('it was accepted');
    };
    expect(refusal(() => inTurns(bytes))).toBe(refusal(() => decodeInferRequest(bytes, null)));
  });

  it('asks for the memory of its elements before it has written them, and for all that it holds in the end', () => {
    const bytes = large['empty strings'] as Buffer;
    const asked: number[] = [];
    const { request } = inTurns(bytes, (more) => asked.push(more));
    expect(asked[0]).toBe(4 * many);
    expect(asked.reduce((sum, more) => sum + more, 0)).toBe(request.heldBytes - bytes.length);
    const full = new Error('full');
    expect(() =>
      inTurns(bytes, () => {
        throw full;
      }),
    ).toThrow(full);
  });
});

/** The method for unary requests over a fake server, with slices that the test lets run, and a call that counts answers. */
function unaryInfer() {
  const clock = new FakeClock();
  const server = new FakeInferenceServer();
  const infer = inferMethod({
    server,
    clock,
    slices: new SliceQueue(clock),
    logger: silentLogger,
    isLeaving: () => false,
    headerForwardPattern: null,
    maxMessageBytes: 2 ** 26,
  });
  const errors: unknown[] = [];
  const answers: OutgoingMessage[] = [];
  const nothing = (): void => undefined;
  const unary: UnaryCall = {
    ...inferenceContext(),
    caller: { protocol: 'grpc', address: '' },
    metadataValue: () => null,
    metadataEntries: () => [],
    ...{ reserve: nothing, hold: nothing, release: nothing, checkAnswer: nothing },
    respond: (message) => answers.push(message),
    fail: (error) => errors.push(error),
  };
  return { clock, server, infer, unary, errors, answers };
}

describe('answers with large classifications', () => {
  const wanted = message(input('BOOL', 0), wire.bytes(7, ''));
  const classified = output({ name: 'Y', datatype: 'UINT8', shape: [40_000], data: new Uint8Array(40_000) }, 3, []);

  it('are made in a turn of their own, however many come at once', async () => {
    const { clock, server, infer, unary, answers, errors } = unaryInfer();
    server.answer = async (request) => server.respond(request, [classified]);
    for (let i = 0; i < 4; i++) infer.handle(wanted, unary);
    await nextTurn();
    const counts: number[] = [];
    for (let turn = 0; turn < 5; turn++) {
      counts.push(answers.length);
      clock.turn();
    }
    expect([counts, errors]).toEqual([[0, 1, 2, 3, 4], []]);
  });

  it('are not made for a caller who has left', async () => {
    const { clock, server, infer, unary, answers, errors } = unaryInfer();
    server.answer = async (request) => server.respond(request, [classified]);
    infer.handle(wanted, unary);
    await nextTurn();
    unary.cancellation.cancel();
    clock.turn();
    expect([answers.length, server.unreleased]).toEqual([0, 0]);
    expect(errors).toMatchObject([{ code: 'cancelled' }]);
  });
});

describe('a message with many fields', () => {
  const parameters = (count: number): Buffer =>
    wire.join(
      ...Array.from({ length: count }, (_, i) =>
        wire.bytes(4, wire.join(wire.bytes(1, `p${i}`), wire.bytes(2, wire.number(2, i)))),
      ),
    );
  const outputs = (count: number): Buffer =>
    wire.join(...Array.from({ length: count }, (_, i) => wire.bytes(6, wire.bytes(1, `output ${i}`))));
  const floats = (bytes: number): Buffer => input('FP32', bytes / 4, contents(wire.bytes(6, Buffer.alloc(bytes))));
  const named = wire.join(wire.bytes(1, 'm'), wire.bytes(2, '3'));

  it.each([
    ['parameters', parameters(20_000)],
    ['requested outputs', outputs(5_000)],
    ['fields that nobody knows', repeated(wire.number(99, 1), 30_000)],
    ['typed elements', floats(300_000)],
  ])('is costly: %s', (_what, fields) => {
    expect(modelOfCostly(wire.join(named, fields))).toEqual({ name: 'm', version: '3' });
    expect(modelOfCostly(wire.join(fields, named))).toEqual({ name: 'm', version: '3' });
  });

  it.each([
    ['some parameters', parameters(1000)],
    ['some outputs', outputs(1000)],
    ['some typed elements', floats(200_000)],
    ['a large raw tensor', wire.join(input('FP32', 2 * mib), wire.bytes(7, Buffer.alloc(8 * mib)))],
  ])('is not costly: %s', (_what, fields) => {
    expect(modelOfCostly(wire.join(named, fields))).toBeNull();
  });

  it('is read in a turn of its own, however many come at once', async () => {
    const { clock, server, infer, unary, errors } = unaryInfer();
    const calls = 5;
    for (let i = 0; i < calls; i++)
      infer.handle(message(input('BOOL', 0), wire.bytes(7, ''), parameters(20_000)), unary);
    for (let turn = 0; server.seen.length < calls && turn < 20; turn++) {
      await Promise.resolve();
      const before = server.seen.length;
      clock.turn();
      expect(server.seen.length - before).toBeLessThanOrEqual(1);
    }
    expect([server.seen.length, server.last.request.parameters.size, errors]).toEqual([calls, 20_000, []]);
  });
});

it('looks for the id of a refused message in a bounded number of fields', () => {
  const fields = countedReads(wire.join(repeated(wire.number(99, 1), 800_000), wire.bytes(3, 'late')));
  expect(requestIdOf(fields.bytes)).toBe('');
  expect(fields.reads()).toBeLessThan(4 * 530_000);
});
