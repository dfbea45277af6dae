/**
 * Requests that are almost right into our HTTP/1.1 and into `node:http`, which is the oracle of where requests begin and end:
 * what both take has to be the same requests with the same bodies. Where one of the two refuses, the reason is on a list.
 * And however the bytes are cut, ours are the same. The seed comes from FUZZ_SEED or is printed with the failure; FUZZ_RUNS
 * is the number of byte streams.
 */

import { createServer, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Scene } from '../http1/scene.ts';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const numRuns = Number(process.env.FUZZ_RUNS ?? 4000);

/** A request as one of the two sees it. */
interface Seen {
  /** Method, target, version, and names and values of the headers. */
  readonly head: string;
  readonly body: string;
  readonly isWhole: boolean;
}

interface Reading {
  readonly requests: readonly Seen[];
  /** Why nothing more was read, or null. */
  readonly refusal: string | null;
  /** Whether the last request ends the connection, so that what follows it is not looked at. */
  readonly isOver: boolean;
}

const headOf = (method: string, target: string, version: string, headers: readonly string[]): string =>
  JSON.stringify([method, target, version, headers]);

/** What ours makes of the pieces. */
function ours(pieces: readonly string[]): { readonly reading: Reading; readonly scene: Scene } {
  // Nothing is answered, and no request waits for that.
  const scene = new Scene({ limits: { expectedAnswerBytes: 0 } });
  for (const piece of pieces) scene.say(piece);
  const requests = scene.requests.map(({ request, content }) => {
    const { method, target, isHttp10, rawHeaders } = request.head;
    const head = headOf(method, target, isHttp10 ? '1.0' : '1.1', rawHeaders);
    return { head, body: content, isWhole: request.isReceived };
  });
  const last = scene.requests.at(-1)?.request;
  const isOver = last?.isReceived === true && !last.head.keepsAlive;
  expect(scene.unexpected).toEqual([]);
  return { reading: { requests, refusal: scene.refusals[0] ?? null, isOver }, scene };
}

/** A connection that exists only in memory: `push` is what the client sends. */
class ClientSide extends Duplex {
  override _read(): void {}

  override _write(_chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    done();
  }
}

interface NodeConnection {
  readonly requests: { readonly request: IncomingMessage; readonly parts: Buffer[] }[];
  refusal: string | null;
}

/** A server of Node that keeps what it reads and answers nothing, so that it reads on. */
class Oracle {
  readonly #server = createServer({ insecureHTTPParser: false, requireHostHeader: false });
  readonly #connections = new WeakMap<Duplex, NodeConnection>();

  constructor() {
    this.#server.maxHeadersCount = 0;
    const keep = (request: IncomingMessage): void => {
      const connection = this.#of(request.socket);
      if (connection.refusal !== null) return;
      // Asked here and not by Node, whose answer to it waits behind those that are due.
      if (request.httpVersion === '1.1' && request.headers.host === undefined) connection.refusal = 'no Host';
      else {
        const parts: Buffer[] = [];
        connection.requests.push({ request, parts });
        request.on('data', (part: Buffer) => parts.push(part));
        request.on('error', () => undefined);
      }
    };
    this.#server.on('request', keep);
    this.#server.on('checkContinue', keep);
    this.#server.on('checkExpectation', ({ socket }) => this.#refuse(socket, 'Expect'));
    this.#server.on('connect', (_request, socket) => this.#refuse(socket, 'CONNECT'));
    this.#server.on('clientError', (error: NodeJS.ErrnoException & { reason?: string }, socket) => {
      this.#refuse(socket, `${error.code} ${error.reason ?? ''}`);
    });
  }

  async read(pieces: readonly string[]): Promise<Reading> {
    const socket = new ClientSide();
    socket.on('error', () => undefined);
    const connection: NodeConnection = { requests: [], refusal: null };
    this.#connections.set(socket, connection);
    this.#server.emit('connection', socket);
    await new Promise(setImmediate);
    for (const piece of pieces) socket.push(Buffer.from(piece, 'latin1'));
    await new Promise(setImmediate);
    const requests = connection.requests.map(({ request, parts }) => {
      const { method = '', url = '', httpVersion, rawHeaders } = request;
      const body = Buffer.concat(parts).toString('latin1');
      return { head: headOf(method, url, httpVersion, rawHeaders), body, isWhole: request.complete };
    });
    socket.destroy();
    const { refusal } = connection;
    const isOver = refusal?.startsWith('HPE_CLOSED_CONNECTION') === true;
    return { requests, refusal: isOver ? null : refusal, isOver };
  }

  close(): void {
    this.#server.close();
  }

  #of(socket: Duplex): NodeConnection {
    return this.#connections.get(socket) as NodeConnection;
  }

  #refuse(socket: Duplex, reason: string): void {
    this.#of(socket).refusal ??= reason;
  }
}

const notValid = '400 the request is not valid HTTP/1\\.1: ';

/** Where ours refuses and Node does not, or not yet. */
const stricter: readonly (readonly [refusal: RegExp, reason: string])[] = [
  [new RegExp(`^${notValid}its first line is`), 'one blank each between the parts of the first line, and none behind'],
  [new RegExp(`^${notValid}it begins with the byte 0x0a`), 'no line ends with LF alone, empty ones neither'],
  [new RegExp(`^${notValid}a CR is not followed by LF`), 'no CR alone, in front of a request neither'],
  [new RegExp(`^${notValid}the header \\w+ is there twice`), 'Node takes the first of two Hosts, others the last'],
  [/^505 /, 'Node serves HTTP/0.9 and HTTP/2.0 as if they were HTTP/1'],
  [/^501 Transfer-Encoding/, 'Node leaves other codings to its callers, who would have to know them'],
  [new RegExp(`^${notValid}Content-Length .* is too large`), 'a length that a number does not hold exactly'],
  [
    new RegExp(`^${notValid}Transfer-Encoding .* does not end with chunked`),
    'for Node an empty Transfer-Encoding is none',
  ],
  [new RegExp(`^${notValid}HTTP/1\\.0 has no Transfer-Encoding`), 'who speaks HTTP/1.0 may have passed it on unread'],
  [new RegExp(`^${notValid}it has both`), 'for Node an empty Transfer-Encoding is none'],
  [new RegExp(`^${notValid}the header [\\w-]+ holds a tab`), 'Node looks at the last of several codings only'],
  [new RegExp(`^${notValid}a chunk extension is not`), 'for Node an extension may have no name'],
  [/^417 /, 'Node finds 100-continue among other expectations'],
  [/^413 a chunk is announced larger/, 'more digits than any size needs, which may all be zeros'],
];

/** Where Node refuses and ours does not. */
const laxer: readonly (readonly [refusal: RegExp, reason: string])[] = [
  [/^HPE_INVALID_METHOD/, 'any token is a method: which are served is not a matter of where requests end'],
  [/^HPE_INVALID_URL Unexpected char in url schema/, 'schemes may hold digits, plus, minus and dots (RFC 3986)'],
  [/^HPE_INVALID_TRANSFER_ENCODING Invalid `Transfer-Encoding`/, 'in a trailer, where it means nothing and is dropped'],
  [
    /^HPE_INVALID_CONTENT_LENGTH Content-Length can't be present/,
    'in a trailer, where it means nothing and is dropped',
  ],
];

/** How often each reason was met, for a look at what the generator reaches. */
const met = new Map<string, number>();
const count = (what: string): void => void met.set(what, (met.get(what) ?? 0) + 1);

/** Whether Node leaves what follows to whoever upgrades the connection. Ours reads on: nobody has to upgrade. */
const isUpgrade = ({ head }: Seen): boolean => /"upgrade","/i.test(head) && /"connection","[^"]*upgrade/i.test(head);

/** To Node, HTTP/1.0 that asks for both goes on; to us it ends, as HTTP/1.1 does for both. */
const asksForBoth = ({ head }: Seen): boolean =>
  /keep-alive/i.test(head) && /close/i.test(head) && head.includes('"1.0"');

/** Throws unless the two agree, or differ for a reason that is known. */
function compare(mine: Reading, scene: Scene, node: Reading): void {
  const common = Math.min(mine.requests.length, node.requests.length);
  for (let i = 0; i < common; i++) {
    const [a, b] = [mine.requests[i], node.requests[i]];
    expect(a.head, `head ${i}`).toBe(b.head);
    if (isUpgrade(b)) {
      count('Node stops at an upgrade');
      return;
    }
    if (a.isWhole && b.isWhole) expect(a.body, `body ${i}`).toBe(b.body);
    else {
      expect(a.body.startsWith(b.body) || b.body.startsWith(a.body), `bodies ${i}: ${a.body} and ${b.body}`).toBe(true);
      // The one that has less of it has refused the rest.
      if (b.isWhole || a.body.length < b.body.length)
        expect(mine.refusal, `body ${i} is whole for Node`).not.toBeNull();
      if (a.isWhole || b.body.length < a.body.length) expect(node.refusal, `body ${i} is whole for us`).not.toBeNull();
    }
  }
  const last = mine.requests.at(-1);
  if (mine.isOver && (node.requests.length === common || asksForBoth(last as Seen))) {
    count('the connection ends');
    return;
  }
  if (mine.refusal !== null && node.refusal !== null) count('both refuse');
  else if (mine.refusal !== null) known(stricter, mine.refusal, 'only ours refuses');
  else if (node.refusal !== null) {
    // Node refuses some heads before they end.
    if (scene.connection.isReceivingHead) scene.say('\r\n\r\n');
    if (scene.refusals.length > 0) count('ours refuses later');
    else known(laxer, node.refusal, 'only Node refuses');
  } else {
    expect([mine.requests.length, mine.isOver]).toEqual([node.requests.length, node.isOver]);
    count('both accept');
  }
}

function known(list: typeof stricter, refusal: string, what: string): void {
  const reason = list.find(([pattern]) => pattern.test(refusal))?.[1];
  if (reason === undefined) throw new Error(`${what}: ${refusal}`);
  count(`${what}: ${reason}`);
}

/** Mostly the first. */
const mostly = <T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 100, arbitrary: fc.constant(usual) }, { weight: 3, arbitrary: fc.constantFrom(...others) });

const lineEnd = fc.oneof(
  { weight: 200, arbitrary: fc.constant('\r\n') },
  fc.constantFrom('\n', '\r', '\r\r\n', '\n\r\n', ' \r\n'),
);

const method = mostly('POST', 'GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'get', 'FOO', 'M-SEARCH', 'CONNECT', '');
const target = mostly(
  '/a',
  '/',
  '*',
  '/a?b=c#d',
  'http://x/a',
  '//',
  'a',
  'x:80',
  '/\xe4',
  '/a b',
  '',
  '/"<>\\^`{|}',
  'h-1+x://a',
);
const version = mostly(
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/1.10',
  'http/1.1',
  'HTTP/0.9',
  'HTTP/1,1',
  '',
);
const host = mostly('Host: x', '', 'Host:', 'Host: x\r\nHost: x', 'hOST:\tx \t', 'Host : x', ' Host: x');
// Without Proxy-Connection, which is no header of HTTP but means Connection to Node's parser.
const anyHeader = fc.constantFrom(
  ...[
    'X: y',
    'X:',
    'X: \t',
    'X:y\t z \t',
    'X : y',
    'X\t: y',
    'X',
    ': y',
    'X: \xe4',
    'X\xe4: y',
    'X: a\0b',
    'X: a\x01b',
    'X: \x7f',
  ],
  ...[
    ' folded',
    '\tfolded',
    'X: a\r\n folded',
    'X(: y',
    'Connection: close',
    'Connection: keep-alive',
    'Connection: x, close',
  ],
  ...['Connection: close\xa0', 'Connection: close, keep-alive', 'Connection: Upgrade\r\nUpgrade: h2c', 'Upgrade: x'],
  ...['Expect: 100-continue', 'Expect: x', 'Keep-Alive: 5', 'TE: trailers', 'Trailer: X'],
  ...['Content-Length', 'Transfer-Encoding', 'Content-Length:', 'Transfer-Encoding:', 'Content-Encoding: chunked'],
  ...[
    'Content-Length : 5',
    'Transfer-Encoding : chunked',
    'Content_Length: 5',
    'Content-Length\0: 5',
    'Connection: Transfer-Encoding',
  ],
);
const lengthText = fc.constantFrom(
  ...[
    '0',
    '1',
    '5',
    '6',
    '+5',
    '-5',
    '0x5',
    '05',
    '000000000000000000000005',
    '5 ',
    ' 5',
    '5,5',
    '5, 5',
    '5;',
    '5.0',
    '5e0',
    '',
  ],
  ...['\x0b5', '5\xa0', '\xa05', '"5"', '18446744073709551621', '9007199254740993', '4294967301', '5 5', '5\t', '٥'],
);
const codingText = fc.constantFrom(
  ...[
    'chunked',
    'Chunked',
    ' chunked',
    'chunked ',
    '\tchunked\t',
    'chunked,',
    ',chunked',
    'chunked, chunked',
    'identity',
  ],
  ...[
    'gzip, chunked',
    'chunked, gzip',
    'chunked, identity',
    'identity, chunked',
    'xchunked',
    'chunkedx',
    'chunked;q=1',
    '"chunked"',
  ],
  ...[
    '\x0bchunked',
    'chunked\xa0',
    '\xa0chunked',
    'chunke\x00d',
    '',
    'gzip',
    'chunked\tx',
    'ch\xfcnked',
    'chunked\r\n ',
    '\r\n chunked',
  ],
);
const bodyText = fc.oneof(
  fc.constantFrom(
    '',
    'hello',
    '0\r\n\r\n',
    '\r\n',
    'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n',
    'POST / HTTP/1.1\r\nHo',
    'a\r\n\0\xff',
  ),
);
const extension = mostly(
  '',
  ';a',
  ';a=b',
  ';a="b;c"',
  ' ;a',
  ' ',
  ';',
  ';a b',
  ';a="b',
  ';\xe4',
  ';a=b\0',
  ';a\n',
  '\t;a',
  '; a=b',
  ';;a',
  ';=',
  ';a="\\""',
);
const sizeForm = mostly(
  'x',
  'X',
  '0x',
  '+x',
  '-x',
  ' x',
  'x ',
  '0x00',
  '000000000000x',
  '',
  'x\t',
  'x,',
  'x.0',
  'xh',
  'x-1',
  'x+1',
);
const trailers = mostly(
  '',
  'X: y',
  'X',
  ': y',
  'X : y',
  ' X: y',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'X(: y',
  'X: a\0',
  'X\xe4: b',
  'X:\r\nY: z',
  'X: \xe4',
  'X: a\r\n b',
);

interface ChunkForm {
  readonly content: string;
  readonly size: string;
  readonly extension: string;
  readonly ends: readonly [string, string];
}

const chunk: fc.Arbitrary<ChunkForm> = fc.record({
  content: bodyText,
  size: sizeForm,
  extension,
  ends: fc.tuple(lineEnd, lineEnd),
});

/** The size as the form has it, in which `x` stands for the digits. */
function sizeText(form: string, bytes: number): string {
  const digits = bytes.toString(16);
  if (form === '0x') return `0x${digits}`;
  if (form === '0x00') return `00${digits}`;
  if (form === 'X') return digits.toUpperCase();
  return form.replace('x', digits);
}

const chunkText = ({ content, size, extension: more, ends }: ChunkForm): string =>
  `${sizeText(size, content.length)}${more}${ends[0]}${content}${ends[1]}`;

const chunkedBody = fc
  .record({
    chunks: fc.array(chunk, { maxLength: 3 }),
    last: mostly('0', '00', '', '0;a', ' 0', '0 ', '-0', '0x0', 'g'),
    trailers,
    ends: fc.tuple(lineEnd, lineEnd, lineEnd),
  })
  .map(({ chunks, last, trailers: lines, ends }) => {
    const withContent = chunks.filter(({ content }) => content !== '');
    return `${withContent.map(chunkText).join('')}${last}${ends[0]}${lines}${lines === '' ? '' : ends[1]}${ends[2]}`;
  });

/** Header lines that say how long a body is, and what follows the head. */
const framing: fc.Arbitrary<readonly [lines: readonly string[], content: string]> = fc.oneof(
  { weight: 4, arbitrary: fc.constant([[], ''] as const) },
  { weight: 6, arbitrary: bodyText.map((body) => [[`Content-Length: ${body.length}`], body] as const) },
  { weight: 6, arbitrary: chunkedBody.map((body) => [['Transfer-Encoding: chunked'], body] as const) },
  {
    weight: 2,
    arbitrary: fc.tuple(lengthText, bodyText).map(([length, body]) => [[`Content-Length: ${length}`], body] as const),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(codingText, chunkedBody)
      .map(([coding, body]) => [[`Transfer-Encoding: ${coding}`], body] as const),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.array(
          fc.oneof(
            lengthText.map((text) => `Content-Length: ${text}`),
            codingText.map((text) => `transfer-encoding:${text}`),
          ),
          { minLength: 2, maxLength: 3 },
        ),
        chunkedBody,
      )
      .map(([lines, body]) => [lines, body] as const),
  },
);

const request = fc
  .record({
    line: fc.tuple(method, target, version),
    blanks: mostly(' ', '  ', '\t', ''),
    host,
    before: fc.array(anyHeader, { maxLength: 1 }),
    between: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(anyHeader, { maxLength: 2 })),
    framing,
    ends: fc.array(lineEnd, { minLength: 8, maxLength: 8 }),
    front: mostly('', '\r\n', '\r\n\r\n', '\n', '\r', ' '),
  })
  .map(({ line, blanks, host: hostLine, before, between, framing: [lines, content], ends, front }) => {
    const all = [line.join(blanks), hostLine, ...(between.length > 1 ? before : []), ...lines, ...between].filter(
      (text, i) => i === 0 || text !== '',
    );
    return `${front}${all.map((text, i) => text + ends[i % 7]).join('')}${ends[7]}${content}`;
  });

/** A request with nothing wrong, so that the ones behind it are reached. */
const plain = fc.constantFrom(
  'GET /plain HTTP/1.1\r\nHost: x\r\n\r\n',
  'POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello',
  'POST /plain HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
);

const tokens: readonly string[] = [
  ...[
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    ' ',
    '\t',
    ':',
    ';',
    ',',
    '0',
    '1',
    '5',
    'a',
    'F',
    '+',
    '-',
    '\0',
    '\x0b',
    '\x0c',
    '\x7f',
    '\xa0',
    '\xff',
    '"',
  ],
  ...[
    '\x85',
    'chunked',
    'Content-Length: 5\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
    '0\r\n\r\n',
    'Host: y\r\n',
  ],
];

type Edit = readonly [
  kind: 'flip' | 'cut' | 'insert' | 'repeat' | 'truncate',
  isAtMark: boolean,
  at: number,
  value: number,
];

const edits: fc.Arbitrary<readonly Edit[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  fc.array(
    fc.tuple(
      fc.constantFrom('flip', 'cut', 'insert', 'insert', 'repeat', 'truncate'),
      fc.boolean(),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      fc.nat(255),
    ),
    { minLength: 1, maxLength: 3 },
  ),
);

const marks = /[\r\n:;, 0-9]/g;

function edited(text: string, [kind, isAtMark, place, value]: Edit): string {
  const places = isAtMark ? [...text.matchAll(marks)].map(({ index }) => index) : [];
  const at = places[Math.floor(place * places.length)] ?? Math.floor(place * text.length);
  const [before, after] = [text.slice(0, at), text.slice(at)];
  switch (kind) {
    case 'flip':
      return before + String.fromCharCode((after.charCodeAt(0) || 0) ^ (value || 1)) + after.slice(1);
    case 'cut':
      return before + after.slice(1 + (value % 4));
    case 'insert':
      return before + tokens[value % tokens.length] + after;
    case 'repeat':
      return before + after.slice(0, value % 40) + after;
    case 'truncate':
      return value < 128 ? before : text;
  }
}

const stream = fc
  .tuple(fc.array(fc.oneof(request, plain), { minLength: 1, maxLength: 4 }), edits)
  .map(([requests, changes]) => changes.reduce(edited, requests.join('')).replace(/[^\0-\xff]/g, '?'));

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { maxLength: 5 });

function cutAt(text: string, places: readonly number[]): string[] {
  const at = [...places.map((place) => Math.floor(place * text.length)), text.length].sort((a, b) => a - b);
  return at.map((end, i) => text.slice(at[i - 1] ?? 0, end)).filter((piece) => piece !== '');
}

describe(`HTTP/1.1 beside that of Node (FUZZ_SEED=${seed})`, () => {
  const oracle = new Oracle();
  afterAll(() => {
    oracle.close();
    if (process.env.FUZZ_TELL === undefined) return;
    for (const [what, times] of [...met].sort((a, b) => b[1] - a[1])) console.log(`${times} ${what}`);
  });

  it('takes the same requests, or refuses for a reason that is known', async () => {
    await fc.assert(
      fc.asyncProperty(stream, cuts, async (text, places) => {
        const pieces = cutAt(text, places);
        const { reading, scene } = ours(pieces);
        expect(ours([text]).reading, 'ours in one piece').toEqual(reading);
        expect(ours([...text]).reading, 'ours in pieces of one byte').toEqual(reading);
        compare(reading, scene, await oracle.read(pieces));
      }),
      { seed, numRuns },
    );
  });
});
