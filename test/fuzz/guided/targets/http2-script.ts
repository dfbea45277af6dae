/**
 * Scripts for a connection: steps in bytes, so that lengths are right where a change does not want them wrong. The low four
 * bits of a step's first byte say what it is: a frame of that type with flags, stream, length and content; 10 bytes as they
 * are; 11 an act of a handler; 12 time; 13 the socket gets slow or takes all; 14 the turn ends; 15 the server wants to leave.
 */

import * as bytesOf from '../../../http2/frame-bytes.ts';
import { frameFlag, frameType } from '../../../http2/frame-bytes.ts';
import type { Chance } from '../chance.ts';

export type Step =
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly opens: WindowChange }
  | { readonly kind: 'act'; readonly which: number; readonly how: number; readonly amount: number }
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'socket'; readonly isSlow: boolean }
  | { readonly kind: 'turn' }
  | { readonly kind: 'leave' };

/** The windows that a valid frame opens for the server. */
export type WindowChange =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'anything' }
  | { readonly kind: 'update'; readonly streamId: number; readonly bytes: number }
  | { readonly kind: 'initial'; readonly bytes: number };

const oddIds = [0, 2, 255, 0x7fff_ffff, 0x7fff_fffe, 0x8000_0001, 0xffff_ffff];
/** Lengths from here on stand for a filler of many bytes. */
const fillerStart = 0xf0;
const fillerBytes = 2000;
/** Steps that have content or operands: how many bytes follow the first. */
const operandBytes = [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1, 3, 1, 1, 0, 0];
const longestWaitSeconds = 40;
const maxSteps = 60;

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where each step lies; the last one may be cut off. */
function spansOf(script: Buffer): Span[] {
  const spans: Span[] = [];
  for (let at = 0; at < script.length && spans.length < maxSteps; ) {
    const kind = script[at] & 15;
    let end = at + 1 + operandBytes[kind];
    if (kind <= 10) {
      const length = script[end - 1] ?? 0;
      if (length < fillerStart) end += length;
    }
    spans.push({ start: at, end: Math.min(end, script.length) });
    at = end;
  }
  return spans;
}

export function stepsOf(script: Buffer): Step[] {
  return spansOf(script).map(({ start, end }) => stepOf(script.subarray(start, end)));
}

function stepOf(step: Buffer): Step {
  const kind = step[0] & 15;
  const [a, b] = [step[1] ?? 0, step[2] ?? 0];
  switch (kind) {
    case 10:
      return { kind: 'bytes', bytes: contentOf(step, 2), opens: { kind: 'anything' } };
    case 11:
      return { kind: 'act', which: a, how: b, amount: step[3] ?? 0 };
    case 12:
      return { kind: 'wait', seconds: a % longestWaitSeconds };
    case 13:
      return { kind: 'socket', isSlow: (a & 1) === 1 };
    case 14:
      return { kind: 'turn' };
    case 15:
      return { kind: 'leave' };
    default:
      return frameOf(kind, step);
  }
}

function frameOf(kind: number, step: Buffer): Step {
  const [flags, id] = [step[1] ?? 0, step[2] ?? 0];
  // Types above those that are known are to be ignored.
  const type = (step[0] & 0xf0) === 0xf0 ? kind + 200 : kind;
  const content = contentOf(step, 4);
  const streamId = id < 0xf0 ? id : oddIds[id % oddIds.length];
  return {
    kind: 'bytes',
    bytes: bytesOf.frame(type, flags, streamId, content),
    opens: opensOf(type, streamId, content),
  };
}

function opensOf(type: number, streamId: number, content: Buffer): WindowChange {
  if (type === frameType.windowUpdate && content.length >= 4) {
    return { kind: 'update', streamId: streamId % 2 ** 31, bytes: content.readUInt32BE(0) & 0x7fff_ffff };
  }
  if (type !== frameType.settings) return { kind: 'nothing' };
  let bytes = 0;
  for (let at = 0; at + 6 <= content.length; at += 6) {
    if (content.readUInt16BE(at) === bytesOf.setting.initialWindowSize)
      bytes = Math.max(bytes, content.readUInt32BE(at + 2));
  }
  return { kind: 'initial', bytes };
}

function contentOf(step: Buffer, at: number): Buffer {
  const length = step[at - 1] ?? 0;
  return length >= fillerStart ? Buffer.alloc((length - fillerStart + 1) * fillerBytes, 3) : step.subarray(at);
}

/** Steps left out, doubled, moved, taken from another script, or one byte of their heads changed. */
export function changedScript(bytes: Buffer, other: Buffer, chance: Chance): Buffer | null {
  if (bytes.length < 2) return null;
  const script = bytes.subarray(1);
  let parts = spansOf(script).map(({ start, end }) => Buffer.from(script.subarray(start, end)));
  const otherScript = other.subarray(1);
  const lent = spansOf(otherScript).map(({ start, end }) => otherScript.subarray(start, end));
  for (let count = 1 + chance.below(4); count > 0 && parts.length > 0; count--) {
    const at = chance.below(parts.length);
    const part = parts[at];
    switch (chance.below(10)) {
      case 0:
        parts.splice(at, 1);
        break;
      case 1:
        parts.splice(at, 0, ...Array.from({ length: chance.length(16) }, () => Buffer.from(part)));
        break;
      case 2:
        parts.splice(chance.below(parts.length), 0, Buffer.from(part));
        break;
      case 3:
      case 4:
        if (lent.length > 0) parts.splice(at, 0, Buffer.from(chance.of(lent)));
        break;
      case 5:
        parts = [...parts.slice(0, at), ...lent.slice(chance.below(lent.length + 1)).map((one) => Buffer.from(one))];
        break;
      case 6:
        if (part.length > 2) part[2] = chance.oneIn(8) ? chance.bits() : 1 + 2 * chance.below(8);
        break;
      case 7:
        if (part.length > 1)
          part[1] = chance.oneIn(3) ? chance.bits() : chance.of([0, 1, 4, 5, 8, 9, 12, 13, 0x20, 0x24, 0x2d]);
        break;
      case 8:
        parts.splice(at, 0, Buffer.from(chance.of(pieces)));
        break;
      default:
        part[chance.below(part.length)] = chance.bits();
    }
  }
  const first = chance.oneIn(8) ? Buffer.of(chance.bits() & 0xff) : bytes.subarray(0, 1);
  return Buffer.concat([first, ...parts]);
}

/** A frame as a step. */
export function stepOfFrame(frame: Buffer): Buffer {
  const content = frame.subarray(bytesOf.frameHeadBytes);
  return Buffer.concat([Buffer.of(frame[3], frame[4], frame[8], content.length), content]);
}

const block = Buffer.of(0x83, 0x86, 0x84);
const longBlock = bytesOf.requestBlock(
  '/a/b',
  bytesOf.field('content-length', '5'),
  bytesOf.field('x-kept', 'y', true),
);
export const filler = (type: number, flags: number, id: number, times: number) =>
  Buffer.of(type, flags, id, fillerStart + times - 1);
const act = (which: number, how: number, amount: number) => Buffer.of(11, which, how, amount);
const wait = (seconds: number) => Buffer.of(12, seconds);
const slow = Buffer.of(13, 1);
const takes = Buffer.of(13, 0);
const turn = Buffer.of(14);
const leave = Buffer.of(15);

const ask = (id: number, flags = 0) => stepOfFrame(bytesOf.headers(id, block, flags));
const pieces: readonly Buffer[] = [
  ...[
    ask(1),
    ask(3, frameFlag.endStream),
    ask(5),
    stepOfFrame(bytesOf.headers(7, longBlock)),
    turn,
    slow,
    takes,
    leave,
  ],
  ...[
    stepOfFrame(bytesOf.data(1, Buffer.from('hello'))),
    stepOfFrame(bytesOf.data(1, Buffer.alloc(0), frameFlag.endStream)),
  ],
  ...[filler(0, 0, 1, 8), filler(0, 1, 1, 16), filler(1, 4, 9, 1), filler(9, 0, 9, 1), wait(1), wait(9), wait(39)],
  ...[
    stepOfFrame(bytesOf.settings([4, 0])),
    stepOfFrame(bytesOf.settings([4, 70_000])),
    stepOfFrame(bytesOf.settings([1, 0])),
  ],
  ...[
    stepOfFrame(bytesOf.settings([5, 16_384], [6, 10], [3, 1])),
    stepOfFrame(bytesOf.settings([4, 2 ** 31])),
    stepOfFrame(bytesOf.settingsAck),
  ],
  ...[
    stepOfFrame(bytesOf.windowUpdate(0, 100)),
    stepOfFrame(bytesOf.windowUpdate(1, 50_000)),
    stepOfFrame(bytesOf.windowUpdate(0, 0x7fff_ffff)),
  ],
  ...[
    stepOfFrame(bytesOf.resetStream(1, 8)),
    stepOfFrame(bytesOf.ping()),
    stepOfFrame(bytesOf.ping(1)),
    stepOfFrame(bytesOf.priority(1)),
  ],
  ...[
    stepOfFrame(bytesOf.headers(1, bytesOf.field('x-trailer', 'y'), frameFlag.endStream)),
    Buffer.of(7, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0),
  ],
  ...[
    Buffer.of(1, 0, 11, 2, 0x83, 0x86),
    Buffer.of(9, 4, 11, 1, 0x84),
    Buffer.of(0xf0, 1, 1, 3, 1, 2, 3),
    Buffer.of(10, 3, 0, 0, 1),
  ],
  ...[
    act(0, 0, 9),
    act(0, 1, 200),
    act(0, 0x82, 200),
    act(0, 3, 100),
    act(0, 4, 0),
    act(0, 6, 0),
    act(0, 5, 8),
    act(0, 7, 70),
  ],
  ...[
    stepOfFrame(bytesOf.data(1, Buffer.of(2, 1, 0, 0), frameFlag.padded)),
    Buffer.of(1, 0x2c, 13, 9, 1, 0, 0, 0, 0, 9, 0x83, 0x86, 0x84, 0),
  ],
];

const script = (flags: number, ...steps: readonly Buffer[]): Buffer => Buffer.concat([Buffer.of(flags), ...steps]);

/** Small sessions of every kind; the search makes the rest. */
export function scriptSeeds(): Buffer[] {
  const hello = stepOfFrame(bytesOf.data(1, Buffer.from('hello'), frameFlag.endStream));
  const sessions = [
    [ask(1), hello, turn, act(0, 0, 9), act(0, 6, 0), turn],
    [
      ask(1),
      act(0, 2, 250),
      act(0, 6, 0),
      turn,
      stepOfFrame(bytesOf.windowUpdate(0, 50_000)),
      stepOfFrame(bytesOf.windowUpdate(1, 50_000)),
      turn,
    ],
    [
      stepOfFrame(bytesOf.settings([4, 10])),
      ask(1),
      act(0, 2, 1),
      act(0, 3, 1),
      turn,
      stepOfFrame(bytesOf.settings([4, 5000])),
      turn,
    ],
    [ask(1), leave, turn, stepOfFrame(bytesOf.ping(1)), ask(3), hello, act(0, 6, 0), turn, wait(3)],
    [
      ask(1),
      ask(3),
      ask(5),
      ask(7),
      ask(9),
      ask(11),
      ask(13),
      turn,
      stepOfFrame(bytesOf.resetStream(1, 8)),
      stepOfFrame(bytesOf.resetStream(3, 8)),
    ],
    [slow, ask(1), act(0, 1, 200), act(0, 1, 200), turn, wait(39), wait(39), wait(39), wait(39), takes],
    [Buffer.of(1, 1, 1, 2, 0x83, 0x86), Buffer.of(9, 4, 1, 1, 0x84), turn, act(0, 6, 0)],
    [ask(1), filler(0, 0, 1, 16), filler(0, 0, 1, 16), filler(0, 0, 1, 1), act(0, 0x80, 5), filler(0, 0, 1, 9), turn],
  ];
  return [
    ...[0, 1, 5, 4 + 8 * 6].flatMap((flags) => sessions.map((steps) => script(flags, ...steps))),
    ...pieces.map((piece) => script(0, ask(1), piece, turn)),
    script(2, stepOfFrame(bytesOf.settings()), ask(1)),
  ];
}

export const scriptWords: readonly Uint8Array[] = pieces;
