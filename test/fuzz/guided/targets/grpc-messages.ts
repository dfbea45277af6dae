/**
 * Length-prefixed messages in pieces: each piece behind a byte that is its length, or stands for a long run of the same. The
 * pieces give the same messages as all bytes at once, and nothing stays reserved.
 */

import { createHash } from 'node:crypto';
import { InferenceError } from '../../../../src/errors.ts';
import { MessageAssembler } from '../../../../src/frontends/grpc/transport/http2/message-assembler.ts';
import { MessagePool } from '../../../../src/frontends/message-pool.ts';
import { grpcMessage } from '../../../http2/frame-bytes.ts';
import { Scene } from '../../../http2/scene.ts';
import { type FuzzTarget, must, mustBeSame } from '../target.ts';

const maxBytes = 300_000;
const maxAssembledBytes = 200_000;
/** Of all pieces. */
const maxInputBytes = 400_000;
const runStart = 0xf0;

let scene = new Scene({ limits: { maxAssembledBytes } });

function piecesOf(input: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for (let at = 0; at < input.length && bytes < maxInputBytes; bytes += pieces[pieces.length - 1].length) {
    const length = input[at];
    if (length >= runStart) {
      pieces.push(Buffer.alloc((length - runStart + 1) ** 2 * 700, 7));
      at++;
    } else {
      pieces.push(input.subarray(at + 1, at + 1 + length));
      at += 1 + length;
    }
  }
  return pieces;
}

/** The messages by length and content; the last is why no more came. */
function assembled(pieces: readonly Buffer[], returnsBlocks: boolean): string[] {
  const { intake } = scene.connection;
  const pool = new MessagePool();
  const assembler = new MessageAssembler(scene.connection, maxBytes, pool);
  const messages: string[] = [];
  try {
    for (const bytes of pieces) {
      const piece = Buffer.from(bytes);
      for (let at = 0; at < piece.length; ) {
        const before = at;
        at = assembler.push(piece, at, piece.length);
        must(at > before && at <= piece.length, 'no step forward');
        must(assembler.missingBytes >= 0, 'less than nothing is missing');
        if (assembler.missingBytes > 0) continue;
        const { flag } = assembler;
        const reserved = assembler.handOverReservation();
        const block = assembler.handOverBlock();
        const message = assembler.takeMessage();
        must(message !== null, 'nothing is missing and there is no message');
        messages.push(`${flag} ${message.length} ${sumOf(message)}`);
        if (reserved > 0) intake.releaseAssembly(reserved);
        if (block !== null && returnsBlocks) pool.giveBack(block);
      }
      piece.fill(0xee);
    }
    messages.push(`missing ${assembler.missingBytes}`);
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    must(error.code === 'resource_exhausted', `an error of ${error.code}`);
    messages.push(error.message);
  }
  assembler.drop();
  must(intake.assembledBytes === 0, 'something stays reserved');
  must(intake.missingBytes === 0, 'bytes are still waited for');
  must(assembler.isEmpty && !assembler.isReserved, 'something is left');
  return messages;
}

const sumOf = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('base64');

function run(input: Buffer): void {
  const pieces = piecesOf(input);
  try {
    const inPieces = assembled(pieces, true);
    mustBeSame(inPieces, assembled([Buffer.concat(pieces)], false), 'in pieces, other messages');
  } catch (error) {
    scene = new Scene({ limits: { maxAssembledBytes } });
    throw error;
  }
}

const piece = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.of(bytes.length), bytes]);
const runs = (...steps: readonly number[]): Buffer => Buffer.from(steps.map((step) => runStart + step));
const small = grpcMessage(Buffer.from('hello'));

export const target: FuzzTarget = {
  seeds: [
    piece(Buffer.concat([small, small, grpcMessage()])),
    Buffer.concat([...Array.from(small, (byte) => piece(Buffer.of(byte))), piece(small)]),
    Buffer.concat([piece(grpcMessage(Buffer.alloc(0), 65_536)), runs(5, 7, 9, 3), piece(small)]),
    Buffer.concat([piece(grpcMessage(Buffer.alloc(0), 100_000)), runs(11, 11), piece(small)]),
    Buffer.concat([piece(grpcMessage(Buffer.alloc(0), 250_000)), runs(15, 15), piece(small)]),
    piece(grpcMessage(Buffer.alloc(0), 400_000)),
  ],
  words: [
    small,
    grpcMessage(),
    grpcMessage(Buffer.alloc(0), 65_537),
    Buffer.of(0, 0, 1, 0, 0),
    Buffer.of(0, 0, 4, 0x93, 0xe0),
  ],
  maxBytes: 400,
  run,
};
