/**
 * Bytes of an HTTP/1.1 connection, behind one byte that says how its handler answers and one that says how it is cut into
 * reads. However it is cut, the same requests come out and the same answers leave.
 */

import { Http1Connection } from '../../../../src/http1/connection.ts';
import { defaultLimits } from '../../../../src/http1/limits.ts';
import type { Http1Request } from '../../../../src/http1/request.ts';
import { ChunkPool } from '../../../../src/sockets/chunk-pool.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { HeldReadTurn } from '../../../sockets/held-read-turn.ts';
import { HeldTurn } from '../../../sockets/held-turn.ts';
import { MemorySocket } from '../../../sockets/memory-socket.ts';
import { type FuzzTarget, must, mustBeSame } from '../target.ts';
import { checkAnswers } from './http1-answers.ts';
import { readByNode } from './http1-oracle.ts';

/** Small, so that inputs of a few hundred bytes get beyond them. */
const limits = {
  ...defaultLimits,
  maxHeadBytes: 400,
  maxExtensionBytes: 40,
  maxTrailerBytes: 60,
  maxPipelined: 4,
  maxUnsentBytes: 2000,
};

const maxBytes = 2048;
const refusals = [400, 408, 413, 417, 431, 501, 505];

/** Bits of the first byte. */
const way = { collects: 1, answersLater: 2, answersLong: 4, ends: 8, drains: 16, isSlow: 32, waits: 64 } as const;

/** Read into again and again, as a server does. */
const readBuffer = Buffer.alloc(maxBytes);
const longPart = Buffer.alloc(20_000, 0x61);

class Seen {
  readonly text: string;
  readonly request: Http1Request;
  body = '';
  hasEnd = false;
  releases = 0;
  answers = 0;
  isGone = false;

  constructor(request: Http1Request) {
    const { method, target, rawHeaders, isHttp10, bodyBytes, keepsAlive, expectsContinue } = request.head;
    this.text = JSON.stringify([method, target, rawHeaders, isHttp10, bodyBytes, keepsAlive, expectsContinue]);
    this.request = request;
    request.listener = {
      endsWhenLost: true,
      onLost: () => {
        must(!this.isGone, 'onLost twice');
        must(this.answers === 0, 'onLost after the answer');
        this.isGone = true;
      },
    };
  }

  answer(status: number, text: string, isLong: boolean): void {
    this.answers++;
    const parts = isLong ? [longPart.subarray(0, 9), longPart] : [];
    this.request.respond(status, ['x-a', 'b'], text, parts, () => this.releases++);
  }
}

interface Played {
  readonly seen: readonly Seen[];
  readonly requests: readonly string[];
  readonly written: string;
}

function play(flags: number, bytes: Buffer, sizeOfNext: () => number): Played {
  const socket = new MemorySocket();
  const turn = new HeldTurn();
  const clock = new FakeClock();
  const readTurn = new HeldReadTurn(clock);
  const seen: Seen[] = [];
  const refused: string[] = [];
  let unexpected: unknown = null;
  const isLong = (flags & way.answersLong) !== 0;
  const handler = {
    onUnexpected: (error: unknown) => {
      unexpected ??= error;
    },
    onRefusal: (request: Http1Request, reason: string, status: number) => {
      must(refusals.includes(status), `a refusal with ${status}`);
      must(reason.length < 400, 'a long reason');
      must(refused.length === 0, 'refused twice');
      refused.push(`${status} ${reason}`);
      const known = seen.find((one) => one.request === request) ?? new Seen(request);
      if (!seen.includes(known)) seen.push(known);
      known.answer(status, reason, false);
    },
    onRequest: (request: Http1Request) => {
      must(refused.length === 0, 'a request behind a refusal');
      const one = new Seen(request);
      seen.push(one);
      if ((flags & way.collects) !== 0 && !request.isReceived) {
        request.collect({
          onData: (piece, start, end) => {
            must(end > start && end <= bytes.length, 'a piece of no bytes');
            must(!one.hasEnd && one.answers === 0 && !one.isGone, 'a piece behind the end');
            one.body += piece.toString('latin1', start, end);
          },
          onEnd: () => {
            must(!one.hasEnd && one.answers === 0 && !one.isGone, 'a second end');
            must(request.isReceived, 'the end of what was not received');
            must(one.body.length === (request.head.bodyBytes ?? one.body.length), 'a body of another length');
            one.hasEnd = true;
            if ((flags & way.answersLater) === 0) one.answer(200, 'whole', isLong);
          },
        });
      } else if ((flags & way.answersLater) === 0) one.answer(200, 'early', isLong);
    },
  };
  const connection = new Http1Connection(socket, { handler, limits, clock, pool: new ChunkPool(), turn, readTurn });
  let drained = 0;
  if ((flags & way.drains) !== 0 && (flags & way.answersLater) !== 0) connection.drain(() => drained++);
  socket.isSlow = (flags & way.isSlow) !== 0;
  const settle = () => {
    turn.end();
    if (!socket.isSlow) connection.drained();
    readTurn.endTurn();
  };
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + sizeOfNext());
    bytes.copy(readBuffer, 0, at, end);
    connection.receive(readBuffer, 0, end - at);
    readBuffer.fill(0xee, 0, end - at);
    at = end;
    settle();
  }
  if ((flags & way.waits) !== 0) {
    for (let i = 0; i < 4; i++) {
      clock.advance(100_000);
      connection.lifecycle.tick(clock.now());
      settle();
    }
  }
  if ((flags & way.ends) !== 0) connection.ended();
  socket.isSlow = false;
  for (let last = -1; last !== seen.length + socket.writes.length; ) {
    last = seen.length + socket.writes.length;
    for (const one of [...seen].reverse()) if (one.answers === 0) one.answer(200, 'late', isLong);
    socket.takeAll();
    settle();
  }
  connection.lost();
  if (unexpected !== null) throw unexpected;
  let bodyBytes = 0;
  for (const one of seen) {
    bodyBytes += one.body.length;
    must(one.releases === one.answers, `${one.answers} answers, ${one.releases} releases`);
    must(!one.request.isOpen, 'open although the connection is gone');
  }
  must(bodyBytes <= bytes.length, 'more body than input');
  const written = socket.written.toString('latin1');
  if (!socket.destroyed)
    checkAnswers(
      written,
      seen.map(({ request }) => request.head.method),
    );
  return {
    seen,
    requests: [...seen.map(({ text, body, hasEnd }) => `${text} ${hasEnd} ${body}`), ...refused],
    written: written.replace(/\r\nDate: [^\r]*/g, ''),
  };
}

/**
 * What Node refuses and we take: methods and forms of target that it does not know, and what stands behind a head that it
 * takes for the last.
 */
const onlyNode: ReadonlySet<string | null> = new Set([
  'HPE_INVALID_METHOD',
  'HPE_INVALID_URL',
  'HPE_CLOSED_CONNECTION',
]);

/** Requests that we took whole must be to Node's parser what they are to us. */
function compareWithNode(bytes: Buffer, seen: readonly Seen[]): void {
  const { requests, error } = readByNode(bytes);
  for (const [i, { request, body, hasEnd }] of seen.entries()) {
    // An upgrade ends what Node's parser looks at.
    if (!request.isReceived || request.head.method === '' || request.head.header('upgrade') !== undefined) return;
    if (i >= requests.length) {
      must(onlyNode.has(error), `taken, but not by Node: ${error}`);
      return;
    }
    const { method, target, rawHeaders } = request.head;
    const theirs = requests[i];
    mustBeSame(
      [method, target, ...rawHeaders],
      [theirs.method, theirs.target, ...theirs.rawHeaders],
      'other than to Node',
    );
    if (hasEnd) must(body === theirs.body, 'a body other than to Node');
  }
}

function run(input: Buffer): void {
  if (input.length < 2) return;
  const flags = input[0];
  const bytes = input.subarray(2);
  const whole = play(flags, bytes, () => bytes.length);
  if ((flags & way.answersLater) === 0) compareWithNode(bytes, whole.seen);
  let state = input[1] * 2 + 1;
  const cutUp = play(flags, bytes, () => {
    state = (state * 75) % 65_537;
    return input[1] < 32 ? 1 : 1 + (state % input[1]);
  });
  // What a slow client is told of time and of an end depends on what could be read before.
  if ((flags & way.isSlow) !== 0 && (flags & (way.waits | way.ends)) !== 0) return;
  mustBeSame(cutUp.requests, whole.requests, 'cut in another way, other requests');
  // What has to wait for the client depends on when it is asked; so does which leave to go on is still worth giving.
  if ((flags & (way.isSlow | way.answersLater)) === 0) mustBeSame(cutUp.written, whole.written, 'other answers');
}

const get = 'GET /v2/health/ready HTTP/1.1\r\nHost: x\r\n\r\n';
const post = 'POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello';
const chunked =
  'POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0a\r\n0123456789\r\n0\r\nT: v\r\n\r\n';
const texts = [
  `${get}${post}${chunked}${get}`,
  `\r\n${get}`,
  `${post}${post.replace('Host', 'Connection: close\r\nHost')}`,
  'HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nPUT / HTTP/1.0\r\nContent-Length: 1\r\n\r\na',
  'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc',
  'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
  get.repeat(6),
  `${chunked}${get}`,
];

export const target: FuzzTarget = {
  seeds: texts.flatMap((text, i) =>
    [0, 1, 2, 3, 5, 9, 19, 27, 35, 71].map((flags) =>
      Buffer.concat([Buffer.of(flags, i * 29), Buffer.from(text, 'latin1')]),
    ),
  ),
  words: [
    ...[
      get,
      post,
      chunked,
      '\r\n',
      '\r\n\r\n',
      '\n',
      '\r',
      ' HTTP/1.1\r\n',
      ' HTTP/1.0\r\n',
      ' HTTP/1.1\r\nHost: x\r\n',
    ],
    ...[
      'Host: x\r\n',
      'Content-Length: 0\r\n',
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\t',
      ' ',
      ': ',
    ],
    ...[
      'Expect: 100-continue\r\n',
      'Connection: close\r\n',
      'Connection: keep-alive\r\n',
      'Connection: a, b\r\n',
      ', ',
    ],
    ...[
      '0\r\n\r\n',
      '1\r\na\r\n',
      'ffffffffffff\r\n',
      ';x=y',
      'HEAD ',
      'CONNECT ',
      'GET / ',
      'gzip, chunked',
      '\x16\x03',
    ],
  ],
  maxBytes,
  run,
};
