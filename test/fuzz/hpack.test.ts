/**
 * HPACK against arbitrary blocks, and against nghttp2 as node's http2 client has it: what the client encodes, our decoder
 * must read, and what our encoder writes, the client must read, over sessions whose tables change size meanwhile. The seed
 * comes from FUZZ_SEED or is printed with the failure.
 */

import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, sensitiveHeaders } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HeaderField } from '../../src/http2/header-field.ts';
import { HpackDecoder } from '../../src/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../src/http2/hpack/encoder.ts';
import { HpackError } from '../../src/http2/hpack/hpack-error.ts';
import { rfcExamples } from '../http2/hpack/rfc-examples.ts';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const numRuns = Number(process.env.FUZZ_RUNS ?? 20_000);
const sessionRuns = Math.ceil(numRuns / 200);

const maxListBytes = 2000;

/** Far above what an answer takes; nghttp2 may fall silent over a block that it cannot read. */
const maxMs = 30_000;

/** Shrinking a failure that is a silence would take longer than the test has. */
const maxSearchMs = 120_000;

/** All blocks through one decoder, as one connection would: nothing but HpackError, and no more than the list's bound. */
function survives(blocks: readonly Uint8Array[]): void {
  const decoder = new HpackDecoder(4096, maxListBytes);
  try {
    for (const block of blocks) {
      const fields = decoder.decode(block, 0, block.length);
      expect(fields.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeLessThanOrEqual(maxListBytes);
      if (!decoder.isTooLarge) expect(fields.length).toBeLessThanOrEqual(block.length);
      for (const { name, value } of fields)
        expect(Buffer.from(name + value, 'latin1').toString('latin1')).toBe(name + value);
    }
  } catch (error) {
    expect(error).toBeInstanceOf(HpackError);
    expect((error as Error).message.length).toBeLessThan(100);
  }
}

describe(`decoding header blocks (FUZZ_SEED=${seed})`, () => {
  it('survives arbitrary blocks', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), survives), { seed, numRuns });
  });

  it('survives good blocks with octets changed, cut, inserted and repeated', () => {
    const edit = fc.record({
      kind: fc.constantFrom('set', 'cut', 'insert', 'repeat'),
      at: fc.nat(200),
      value: fc.oneof(fc.nat(255), fc.constantFrom(0x20, 0x3f, 0x40, 0x7f, 0x80, 0xbe, 0xff)),
      length: fc.nat(12),
    });
    const edited = (
      block: Buffer,
      { kind, at, value, length }: { kind: string; at: number; value: number; length: number },
    ) => {
      const place = at % (block.length + 1);
      const [before, after] = [block.subarray(0, place), block.subarray(place)];
      if (kind === 'set') return Buffer.concat([before, Buffer.of(value), after.subarray(1)]);
      if (kind === 'cut') return Buffer.concat([before, after.subarray(length)]);
      if (kind === 'insert') return Buffer.concat([before, Buffer.alloc(length, value), after]);
      return Buffer.concat([before, after.subarray(0, length), after]);
    };
    fc.assert(
      fc.property(
        fc.constantFrom(...rfcExamples),
        fc.array(edit, { minLength: 1, maxLength: 5 }),
        ({ blocks }, edits) => {
          survives(blocks.map(({ hex }) => edits.reduce(edited, Buffer.from(hex, 'hex'))));
        },
      ),
      { seed, numRuns },
    );
  });
});

const frameType = { headers: 1, settings: 4, continuation: 9 } as const;
const flag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;
const maxFrameBytes = 16_384;
const headerTableSize = 1;
const prefaceBytes = 24;

function frame(type: number, flags: number, stream: number, content: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(content.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, content]);
}

function tableSizeSetting(bytes: number): Buffer {
  const content = Buffer.alloc(6);
  content.writeUInt16BE(headerTableSize, 0);
  content.writeUInt32BE(bytes, 2);
  return frame(frameType.settings, 0, 0, content);
}

/** The HPACK part of a server: answers each request with the next response, and keeps what it decoded. */
class HpackPeer {
  readonly requests: (readonly HeaderField[])[] = [];
  failure: unknown = null;
  readonly #decoder: HpackDecoder;
  readonly #encoder = new HpackEncoder();
  readonly #socket: Socket;
  readonly #responses: readonly (readonly HeaderField[])[];
  #received: Buffer = Buffer.alloc(0);
  #at = prefaceBytes;
  #block: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, tableBytes: number, responses: readonly (readonly HeaderField[])[]) {
    this.#socket = socket;
    this.#responses = responses;
    this.#decoder = new HpackDecoder(tableBytes, 1 << 20);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      try {
        this.#receive(chunk);
      } catch (error) {
        this.failure ??= error;
        socket.destroy();
      }
    });
    socket.write(tableSizeSetting(tableBytes));
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const received = this.#received;
      const end = this.#at + 9 + (received.length < this.#at + 9 ? 0 : received.readUIntBE(this.#at, 3));
      if (received.length < end) return;
      const [type, flags] = [received[this.#at + 3], received[this.#at + 4]];
      const stream = received.readUInt32BE(this.#at + 5);
      this.#frame(type, flags, stream, received.subarray(this.#at + 9, end));
      this.#at = end;
    }
  }

  #frame(type: number, flags: number, stream: number, content: Buffer): void {
    if (type === frameType.settings && (flags & flag.ack) === 0) {
      for (let at = 0; at < content.length; at += 6) {
        if (content.readUInt16BE(at) === headerTableSize) this.#encoder.setMaxTableBytes(content.readUInt32BE(at + 2));
      }
      this.#socket.write(frame(frameType.settings, flag.ack, 0, Buffer.alloc(0)));
    }
    if (type === frameType.headers) {
      const padding = (flags & flag.padded) === 0 ? 0 : content[0];
      const start = ((flags & flag.padded) === 0 ? 0 : 1) + ((flags & flag.priority) === 0 ? 0 : 5);
      this.#block = content.subarray(start, content.length - padding);
    } else if (type === frameType.continuation) this.#block = Buffer.concat([this.#block, content]);
    else return;
    if ((flags & flag.endHeaders) === 0) return;
    const fields = this.#decoder.decode(this.#block, 0, this.#block.length);
    this.#respond(stream, this.#responses[this.requests.length]);
    this.requests.push(fields);
  }

  #respond(stream: number, fields: readonly HeaderField[]): void {
    const target = Buffer.alloc(HpackEncoder.maxBytes(fields));
    const block = target.subarray(0, this.#encoder.encode(fields, target, 0));
    for (let at = 0; at === 0 || at < block.length; at += maxFrameBytes) {
      const part = block.subarray(at, at + maxFrameBytes);
      const ending = at + maxFrameBytes < block.length ? 0 : flag.endHeaders;
      if (at === 0) this.#socket.write(frame(frameType.headers, flag.endStream | ending, stream, part));
      else this.#socket.write(frame(frameType.continuation, ending, stream, part));
    }
  }
}

interface Exchange {
  readonly request: readonly HeaderField[];
  readonly response: readonly HeaderField[];
  /** Our client's new SETTINGS_HEADER_TABLE_SIZE, sent before the request; null for none. */
  readonly clientTableBytes: number | null;
  /** Whether the response is awaited before the next request. */
  readonly isAwaited: boolean;
}

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789-';
const name = fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 12 }).map((text) => `x-${text}`);
const visible = fc.uint8Array({ min: 0x21, max: 0x7e, minLength: 1, maxLength: 40 });
const anyOctets = fc
  .uint8Array({ min: 0x20, maxLength: 60 })
  .map((octets) => Uint8Array.from([0x61, ...octets.filter((octet) => octet !== 0x7f), 0x7a]));
const value = fc.oneof(
  { weight: 6, arbitrary: fc.oneof(visible, anyOctets).map((octets) => Buffer.from(octets).toString('latin1')) },
  { weight: 2, arbitrary: fc.constantFrom('', '0', '1000m', 'application/grpc', 'identity,deflate,gzip') },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 20_000 }).map((length) => '~\xe9z'.repeat(length / 3)) },
);
const knownName = fc.constantFrom(
  'grpc-timeout',
  'grpc-status',
  'accept',
  'via',
  'cache-control',
  'grpc-accept-encoding',
);
const field = fc
  .tuple(fc.oneof(name, knownName), value, fc.constantFrom('incremental' as const, 'none' as const, 'never' as const))
  .map(([n, v, indexing]) => new HeaderField(n, v, indexing === 'never', indexing));
const tableBytes = fc.oneof(fc.constantFrom(0, 64, 100, 4096, 65_536), fc.nat(6000));

/** Fields drawn from a pool, so that both sides find them in their tables; no name twice in a list. */
const session = fc.array(field, { minLength: 12, maxLength: 12 }).chain((pool) => {
  const list = fc.uniqueArray(fc.constantFrom(...pool), { selector: (each) => each.name, maxLength: 8 });
  const exchange: fc.Arbitrary<Exchange> = fc.record({
    request: list,
    response: list,
    clientTableBytes: fc.option(tableBytes, { freq: 4 }),
    isAwaited: fc.boolean(),
  });
  return fc.record({
    exchanges: fc.array(exchange, { minLength: 1, maxLength: 10 }),
    serverTableBytes: tableBytes,
    clientTableBytes: tableBytes,
  });
});

const status = new HeaderField(':status', '200', false, 'incremental');

function plain(fields: readonly HeaderField[]): (readonly [string, string, boolean])[] {
  return fields.filter((each) => each.pseudo === 0).map((each) => [each.name, each.value, each.isSensitive] as const);
}

function send(client: ClientHttp2Session, fields: readonly HeaderField[], path: string): Promise<IncomingHttpHeaders> {
  const headers: Record<string | symbol, string | string[]> = { ':path': path, ':method': 'POST' };
  for (const each of fields) headers[each.name] = each.value;
  headers[sensitiveHeaders] = fields.filter((each) => each.isSensitive).map((each) => each.name);
  const stream = client.request(headers, { endStream: true });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no response came')), maxMs);
    stream.on('response', resolve);
    stream.on('error', reject);
    stream.on('close', () => {
      clearTimeout(timer);
      reject(new Error('a stream closed without a response'));
    });
    stream.resume();
  });
}

describe(`HPACK beside nghttp2 (FUZZ_SEED=${seed})`, () => {
  let server: Server;
  let serve: (socket: Socket) => void = () => {};
  beforeAll(async () => {
    server = createServer((socket) => serve(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => server.close());

  it('exchanges header blocks with the client of Node in both directions', async () => {
    const { port } = server.address() as AddressInfo;
    await fc.assert(
      fc.asyncProperty(session, async ({ exchanges, serverTableBytes, clientTableBytes }) => {
        let peer: HpackPeer | null = null;
        serve = (socket) => {
          peer = new HpackPeer(
            socket,
            serverTableBytes,
            exchanges.map(({ response }) => [status, ...response]),
          );
        };
        const client = connect(`http://127.0.0.1:${port}`, { settings: { headerTableSize: clientTableBytes } });
        const failures: unknown[] = [];
        client.on('error', (error) => failures.push(error));
        try {
          const answers: Promise<IncomingHttpHeaders>[] = [];
          for (const [i, { request, clientTableBytes: newBytes, isAwaited }] of exchanges.entries()) {
            if (newBytes !== null && i > 0) client.settings({ headerTableSize: newBytes });
            const answer = send(client, request, `/${i % 3}`);
            answer.catch((error: unknown) => failures.push(error));
            answers.push(answer);
            if (isAwaited) await answer;
          }
          const received = await Promise.all(answers);
          for (const [i, { request, response }] of exchanges.entries()) {
            expect(plain(peer!.requests[i])).toEqual(plain(request));
            const pseudo = peer!.requests[i]
              .filter((each) => each.pseudo !== 0)
              .map((each) => `${each.name} ${each.value}`);
            expect(pseudo.sort()).toEqual([
              `:authority 127.0.0.1:${port}`,
              ':method POST',
              `:path /${i % 3}`,
              ':scheme http',
            ]);
            const { [sensitiveHeaders]: sensitive, ...headers } = received[i] as IncomingHttpHeaders & {
              [sensitiveHeaders]?: string[];
            };
            const given = Object.entries(headers).filter(([each]) => each !== ':status');
            expect(headers[':status']).toBe(200);
            expect(given.map(([n, v]) => [n, v, sensitive?.includes(n) ?? false])).toEqual(plain(response));
          }
          expect(failures).toEqual([]);
        } catch (error) {
          throw (peer as HpackPeer | null)?.failure ?? error;
        } finally {
          client.destroy();
        }
      }),
      { seed, numRuns: sessionRuns, interruptAfterTimeLimit: maxSearchMs, markInterruptAsFailure: true },
    );
  });
});
