import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { InferenceError } from '../../../../../src/errors.ts';
import { MessageAssembler } from '../../../../../src/frontends/grpc/transport/http2/message-assembler.ts';
import { MessagePool } from '../../../../../src/frontends/message-pool.ts';
import { grpcMessage } from '../../../../http2/frame-bytes.ts';
import { Scene } from '../../../../http2/scene.ts';

const MiB = 1024 * 1024;
const maxBytes = 40 * MiB;

let scene: Scene;
let pool: MessagePool;
let assembler: MessageAssembler;

beforeEach(() => {
  scene = new Scene({ limits: { maxAssembledBytes: 1_000_000 } });
  pool = new MessagePool();
  assembler = new MessageAssembler(scene.connection, maxBytes, pool);
});

const reserved = () => scene.connection.intake.assembledBytes;
const awaited = () => scene.connection.intake.missingBytes;

/** Pushes the bytes in pieces by way of one buffer that is overwritten behind it; the messages that came of it. */
function assemble(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const messages: Buffer[] = [];
  for (let from = 0, i = 0; from < bytes.length; i++) {
    const piece = Buffer.from(bytes.subarray(from, from + (sizes[i % sizes.length] ?? 1)));
    from += piece.length;
    for (let at = 0; at < piece.length; ) {
      const before = at;
      at = assembler.push(piece, at, piece.length);
      if (at <= before || at > piece.length || assembler.missingBytes < 0) throw new Error(`stopped at ${at}`);
      if (assembler.missingBytes > 0) {
        if (assembler.takeMessage() !== null) throw new Error('gave a message that is not complete');
        continue;
      }
      // Kept by its owner: the pool would use the block again.
      assembler.handOverBlock();
      messages.push(assembler.takeMessage() as Buffer);
    }
    piece.fill(0xee);
  }
  return messages;
}

const filled = (length: number, salt: number) =>
  Buffer.alloc(length, Buffer.from(Array.from({ length: 251 }, (_, i) => (i * 7 + salt) & 0xff)));

describe('MessageAssembler', () => {
  it('puts together the same messages however they are cut, and accounts for nothing afterwards', () => {
    const lengths = fc.array(fc.oneof(fc.nat(20), fc.constantFrom(0, 65_535, 65_536, 65_537, 70_000)), {
      maxLength: 6,
    });
    const small = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 9 });
    const sizes = fc.tuple(small, fc.integer({ min: 300, max: 20_000 })).map(([each, large]) => [...each, large]);
    fc.assert(
      fc.property(lengths, sizes, (each, cuts) => {
        const messages = each.map((length, i) => filled(length, i));
        const made = assemble(Buffer.concat(messages.map((message) => grpcMessage(message))), cuts);
        expect(made.map(({ length }) => length)).toEqual(each);
        for (const [i, message] of messages.entries()) expect(made[i].equals(message)).toBe(true);
        expect([reserved(), awaited(), assembler.isEmpty, assembler.isReserved]).toEqual([0, 0, true, false]);
      }),
      { numRuns: 100 },
    );
  });

  it('reports the missing bytes of a large message to its connection, and of no other', () => {
    const bytes = grpcMessage(filled(100_000, 0));
    assembler.push(bytes, 0, 5);
    expect(awaited()).toBe(100_000);
    assembler.push(bytes, 5, 30_005);
    expect(awaited()).toBe(70_000);
    assembler.drop();
    expect(awaited()).toBe(0);
    assembler.push(grpcMessage(filled(65_536, 0)), 0, 10);
    expect(awaited()).toBe(0);
  });

  it('gives the flag of each message, and its missing bytes', () => {
    const one = Buffer.concat([Buffer.of(1), grpcMessage(filled(10, 0)).subarray(1)]);
    expect(assembler.missingBytes).toBe(5);
    assembler.push(one, 0, 3);
    expect([assembler.missingBytes, assembler.isEmpty]).toEqual([2, false]);
    assembler.push(one, 3, 7);
    expect([assembler.missingBytes, assembler.flag]).toEqual([8, 1]);
    assembler.push(one, 7, 15);
    expect(assembler.takeMessage()).toEqual(filled(10, 0));
    assembler.push(grpcMessage(), 0, 5);
    expect([assembler.flag, assembler.takeMessage()?.length]).toEqual([0, 0]);
  });

  it('accounts for messages above 64 KiB only, from their prefix to their end', () => {
    assembler.push(grpcMessage(Buffer.alloc(0), 65_536), 0, 5);
    expect(assembler.isReserved).toBe(false);
    assembler.drop();
    assembler.push(grpcMessage(Buffer.alloc(0), 65_537), 0, 5);
    expect([assembler.isReserved, reserved()]).toEqual([true, 65_537]);
    assembler.push(Buffer.alloc(65_537), 0, 65_537);
    expect(reserved()).toBe(65_537);
    assembler.takeMessage();
    expect([assembler.isReserved, reserved()]).toEqual([false, 0]);
  });

  it('hands over the reservation with the message on request', () => {
    assembler.push(grpcMessage(filled(70_000, 1)), 0, 70_005);
    expect(assembler.handOverReservation()).toBe(70_000);
    assembler.takeMessage();
    expect([reserved(), assembler.handOverReservation()]).toEqual([70_000, 0]);
    scene.connection.intake.releaseAssembly(70_000);
  });

  it('lets go of everything when it is dropped within a message, and begins anew', () => {
    const block = pool.take(70_000);
    pool.giveBack(block);
    assembler.push(grpcMessage(filled(70_000, 1)), 0, 30_000);
    assembler.drop();
    expect([reserved(), assembler.isEmpty]).toEqual([0, true]);
    expect(pool.take(70_000)).toBe(block);
    expect(assemble(grpcMessage(filled(8, 2)), [3])).toEqual([filled(8, 2)]);
  });

  it('refuses a message that is too large by its prefix alone, and accounts for nothing', () => {
    const act = () => assembler.push(grpcMessage(Buffer.alloc(0), maxBytes + 1), 0, 5);
    expect(act).toThrow(InferenceError);
    assembler.drop();
    expect(act).toThrow(`Received message larger than max (${maxBytes + 1} vs ${maxBytes})`);
    expect(reserved()).toBe(0);
    assembler.drop();
    expect(reserved()).toBe(0);
    assembler.push(grpcMessage(Buffer.alloc(0), maxBytes), 0, 5);
    expect(assembler.missingBytes).toBe(maxBytes);
    assembler.drop();
    expect(() => assembler.push(Buffer.from([0, 255, 255, 255, 255]), 0, 5)).toThrow(/4294967295/);
  });

  it('refuses a message for which the connection has no memory now, and takes it later', () => {
    const other = new MessageAssembler(scene.connection, maxBytes, pool);
    other.push(grpcMessage(Buffer.alloc(0), 950_000), 0, 5);
    expect(() => assembler.push(grpcMessage(Buffer.alloc(0), 70_000), 0, 5)).toThrow(/try again/);
    assembler.drop();
    expect(reserved()).toBe(950_000);
    other.drop();
    assembler.push(grpcMessage(Buffer.alloc(0), 70_000), 0, 5);
    expect(reserved()).toBe(70_000);
    assembler.drop();
    expect(reserved()).toBe(0);
  });

  it('grows in one step, so that messages of several connections have room in the pool and use its blocks again', () => {
    const framed = grpcMessage(Buffer.alloc(16 * MiB + 60));
    const receiveFour = (): (Buffer | null)[] => {
      const assemblers = Array.from({ length: 4 }, () => new MessageAssembler(new Scene().connection, maxBytes, pool));
      for (let at = 0; at < framed.length; at += 4 * MiB) {
        for (const each of assemblers) each.push(framed, at, Math.min(at + 4 * MiB, framed.length));
      }
      const blocks = assemblers.map((each) => each.handOverBlock());
      for (const each of assemblers) each.drop();
      for (const block of blocks) if (block !== null) pool.giveBack(block);
      return blocks;
    };
    const first = receiveFour();
    const second = receiveFour();
    expect(second.map((block) => first.includes(block))).toEqual([true, true, true, true]);
  });

  it.each([8 * MiB, 8 * MiB + 1, 24 * MiB, 32 * MiB])('grows to a message of %d bytes', (length) => {
    const message = Buffer.alloc(length);
    for (let at = 0; at + 4 <= length; at += 4096) message.writeUInt32BE(at, at);
    const [made] = assemble(grpcMessage(message), [1_000_003, 7]);
    expect(made.equals(message)).toBe(true);
    expect(reserved()).toBe(0);
  });

  it('takes for an announced length at most 8 MiB of new memory', () => {
    assembler.push(grpcMessage(Buffer.alloc(1), maxBytes), 0, 6);
    expect(assembler.handOverBlock()?.length).toBe(8 * MiB);
    expect(assembler.missingBytes).toBe(maxBytes - 1);
    assembler.drop();
    expect(reserved()).toBe(0);
  });

  it('gives back the blocks that it has outgrown, and uses one that is there from the start the next time', () => {
    const message = Buffer.alloc(20 * MiB, 5);
    const [first] = assemble(grpcMessage(message), [1_000_003]);
    expect(first.equals(message)).toBe(true);
    expect(pool.reuse(8 * MiB)?.length).toBe(8 * MiB);
    expect(pool.reuse(16 * MiB)).toBeNull();
    const whole = pool.take(20 * MiB);
    pool.giveBack(whole);
    assembler.push(grpcMessage(Buffer.alloc(1), 20 * MiB), 0, 6);
    expect(assembler.handOverBlock() === whole).toBe(true);
    assembler.drop();
  });
});
