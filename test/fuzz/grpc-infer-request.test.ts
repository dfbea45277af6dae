/**
 * Arbitrary and mutated bytes through the decoder of ModelInferRequest: it answers with a request or an InferenceError,
 * soon. The seed comes from FUZZ_SEED or is printed with the failure.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InferenceError } from '../../src/errors.ts';
import { decodeInferRequest } from '../../src/frontends/grpc/infer/request-codec.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { encodeRequest, wire } from '../frontends/grpc/protobuf-oracle.ts';
import { hostBytes } from '../../src/tensor/tensor-bytes.ts';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const numRuns = Number(process.env.FUZZ_RUNS ?? 20_000);

/** Far above what the slowest case takes here, far below what a quadratic one would. */
const maxMsPerKilobyte = 50;

function survives(bytes: Buffer): void {
  const start = process.cpuUsage();
  try {
    const { inputs } = decodeInferRequest(bytes, null);
    for (const { name, shape, data } of inputs) {
      expect(name).not.toBe('');
      elementCount(shape);
      const bytes = hostBytes(data);
      expect(bytes.byteOffset + bytes.length).toBeLessThanOrEqual(bytes.buffer.byteLength);
    }
  } catch (error) {
    expect(error).toBeInstanceOf(InferenceError);
    expect((error as InferenceError).code).toMatch(/^(invalid_argument|not_found)$/);
    expect((error as Error).message.length).toBeLessThan(2 * bytes.length + 400);
  }
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(maxMsPerKilobyte * (1 + bytes.length / 1024) + 200);
}

const region = { shared_memory_region: { string_param: 'r' } };
const seeds: readonly Buffer[] = [
  encodeRequest({
    model_name: 'm',
    id: 'x',
    parameters: { priority: { uint64_param: 1 }, custom: { double_param: 0.5 }, flag: { bool_param: true } },
    inputs: [{ name: 'A', datatype: 'INT32', shape: [1, 2] }],
    outputs: [{ name: 'B', parameters: { classification: { int64_param: 2 } } }],
    raw_input_contents: [Buffer.alloc(8)],
  }),
  encodeRequest({
    model_name: 'm',
    inputs: [
      { name: 'A', datatype: 'INT8', shape: [3], contents: { int_contents: [1, -2, 3] } },
      { name: 'B', datatype: 'BYTES', shape: [2], contents: { bytes_contents: [Buffer.from('ab'), Buffer.from('')] } },
      { name: 'C', datatype: 'FP64', shape: [1], contents: { fp64_contents: [1.5] } },
    ],
  }),
  encodeRequest({ model_name: 'm', inputs: [{ name: 'A', datatype: 'FP32', shape: [1], parameters: region }] }),
];

describe(`decoding a ModelInferRequest (FUZZ_SEED=${seed})`, () => {
  it('survives arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => survives(Buffer.from(bytes))),
      { seed, numRuns },
    );
  });

  it('survives fields of every number and wire type with arbitrary content', () => {
    const field = fc
      .tuple(fc.nat(9), fc.nat(7), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.uint8Array({ maxLength: 40 }))
      .map(([number, type, value, content]) =>
        type === 2
          ? wire.bytes(number, content)
          : wire.join(wire.tag(number, type), type === 0 ? wire.varint(value) : content),
      );
    const message = fc.array(field, { maxLength: 6 }).map((fields) => Buffer.concat(fields));
    const nested = fc.tuple(fc.constantFrom(4, 5, 6), message).map(([number, inner]) => wire.bytes(number, inner));
    const deeper = fc
      .tuple(fc.constantFrom(2, 4, 5), message)
      .map(([number, inner]) =>
        wire.bytes(5, wire.join(wire.bytes(1, 'A'), wire.bytes(2, 'INT8'), wire.bytes(number, inner))),
      );
    fc.assert(
      fc.property(fc.array(fc.oneof(message, nested, deeper), { maxLength: 5 }), (parts) =>
        survives(Buffer.concat(parts)),
      ),
      { seed, numRuns },
    );
  });

  it('survives good messages with bytes changed, cut, repeated and inserted', () => {
    const edit = fc.record({
      kind: fc.constantFrom('set', 'cut', 'insert', 'repeat'),
      at: fc.nat(1000),
      value: fc.nat(255),
      length: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.constantFrom(...seeds), fc.array(edit, { minLength: 1, maxLength: 6 }), (origin, edits) => {
        let bytes = Buffer.from(origin);
        for (const { kind, at, value, length } of edits) {
          const place = at % (bytes.length + 1);
          if (kind === 'set' && place < bytes.length) bytes[place] = value;
          else if (kind === 'cut') bytes = Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + length)]);
          else if (kind === 'insert') {
            bytes = Buffer.concat([bytes.subarray(0, place), Buffer.alloc(length, value), bytes.subarray(place)]);
          } else bytes = Buffer.concat([bytes, bytes.subarray(place, place + length)]);
        }
        survives(bytes);
      }),
      { seed, numRuns },
    );
  });

  it('is bounded in time and memory for messages made to be expensive', () => {
    const empties = Buffer.concat(new Array(500_000).fill(Buffer.from([0x3a, 0])));
    const groups = Buffer.concat(new Array(200_000).fill(wire.join(wire.tag(100, 3), wire.tag(100, 4))));
    const typed = wire.bytes(
      5,
      wire.join(wire.bytes(1, 'A'), wire.bytes(2, 'INT64'), wire.bytes(5, wire.bytes(3, Buffer.alloc(1_000_000)))),
    );
    const inputs = Buffer.concat(
      Array.from({ length: 30_000 }, (_, i) =>
        wire.bytes(
          5,
          wire.join(
            wire.bytes(1, `t${i}`),
            wire.bytes(2, 'INT8'),
            wire.bytes(5, wire.bytes(2, [1] as unknown as Uint8Array)),
          ),
        ),
      ),
    );
    const heapBefore = process.memoryUsage().heapUsed;
    for (const bytes of [empties, groups, typed, inputs]) survives(bytes);
    expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(400 * 1024 * 1024);
  });
});
