/** The server on real sockets, which are its subject: plain ones, such as Node reads itself, and those of TLS. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { errorCode as serverErrorCode } from '../../src/http2/error-code.ts';
import type { Http2Limits } from '../../src/http2/limits.ts';
import { Http2Server } from '../../src/http2/server.ts';
import type { Http2Stream } from '../../src/http2/stream.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { frameFlag, frameType, headers, preface, setting, settings, windowUpdate } from './frame-bytes.ts';
import { MemorySocket } from '../sockets/memory-socket.ts';
import { RawConnection } from './raw-connection.ts';
import { block, okHead, someTrailers } from './scene.ts';

const end = frameFlag.endStream;
const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Sends back what came, then trailers. */
class Echo {
  requestCount = 0;

  onUnexpected(error: unknown): void {
    throw error;
  }

  onRequest(stream: Http2Stream): void {
    this.requestCount++;
    const parts: Buffer[] = [];
    stream.receiver = {
      onData(bytes, start, stop) {
        parts.push(Buffer.from(bytes.subarray(start, stop)));
        stream.take(stop - start);
        stream.replenish(0);
      },
      onEnd() {
        stream.sendHeaders(okHead, false);
        stream.sendData(Buffer.concat(parts), null);
        stream.sendTrailers(someTrailers);
      },
      onClosed: () => undefined,
    };
  }
}

function serverOf(limits: Partial<Http2Limits> = {}) {
  const clock = new FakeClock();
  const echo = new Echo();
  const server = new Http2Server(echo, clock, limits);
  closing.push(() => server.destroy());
  return { clock, echo, server };
}

async function listen(listener: Server): Promise<number> {
  listener.listen(0, '127.0.0.1');
  closing.push(() => listener.close());
  await once(listener, 'listening');
  return (listener.address() as AddressInfo).port;
}

async function echoed(client: ClientHttp2Session, content: Buffer): Promise<Buffer> {
  const stream = client.request({ ':method': 'POST', ':path': '/s/M' });
  const parts: Buffer[] = [];
  let status = '';
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.on('trailers', (trailers) => {
    status = String(trailers['grpc-status']);
  });
  stream.end(content);
  await once(stream, 'close');
  expect([stream.rstCode, status]).toEqual([constants.NGHTTP2_NO_ERROR, '0']);
  return Buffer.concat(parts);
}

const numbered = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 31) & 0xff));

describe('Http2Server', () => {
  it.each([
    ['read by us', (socket: Socket): Duplex => socket],
    [
      'read by Node, where its insides are not as expected',
      (socket: Socket): Duplex => {
        (socket as unknown as { _server: unknown })._server = undefined;
        return socket;
      },
    ],
  ])('serves a plain socket, %s', async (_, prepare) => {
    const { server, echo } = serverOf();
    const listener = createServer({ pauseOnConnect: true }, (socket) => server.accept(prepare(socket)));
    const client = connect(`http://127.0.0.1:${await listen(listener)}`);
    closing.push(() => client.destroy());
    const content = numbered(300_000);
    const all = await Promise.all([1, 2, 3].map(() => echoed(client, content)));
    for (const each of all) expect(each.equals(content)).toBe(true);
    expect([echo.requestCount, server.connectionCount]).toEqual([3, 1]);
    const left = server.leave();
    await once(client, 'close');
    await left;
    expect(server.connectionCount).toBe(0);
  });

  it('serves a socket of TLS that agreed on h2', async (context) => {
    const certificate = selfSigned();
    if (certificate === null) {
      console.log('left out: there is no openssl command to make a certificate with');
      context.skip();
      return;
    }
    const { server } = serverOf();
    const listener = createTlsServer({ ...certificate, ALPNProtocols: ['h2'] }, (socket) => {
      expect(socket.alpnProtocol).toBe('h2');
      server.accept(socket);
    });
    const client = connect(`https://127.0.0.1:${await listen(listener)}`, { rejectUnauthorized: false });
    closing.push(() => client.destroy());
    const content = numbered(500_000);
    expect((await echoed(client, content)).equals(content)).toBe(true);
    expect((await echoed(client, Buffer.from('small'))).toString()).toBe('small');
  });

  it('asks a connection to leave that comes while it is leaving', async () => {
    const { server } = serverOf();
    const listener = createServer({ pauseOnConnect: true }, (socket) => server.accept(socket));
    const port = await listen(listener);
    void server.leave();
    const connection = await RawConnection.open(port);
    await connection.frame(({ type }) => type === frameType.goAway);
    expect(connection.goAway?.code).toBe(serverErrorCode.noError);
    connection.destroy();
  });

  it('ticks while there are connections, and only then', async () => {
    const { server, clock } = serverOf({ handshakeTimeoutMs: 3000 });
    const socket = new MemorySocket();
    server.accept(socket);
    expect(clock.waitingCount).toBe(1);
    clock.advance(3000);
    expect(socket.writableEnded).toBe(true);
    clock.advance(3000);
    expect(socket.destroyed).toBe(true);
    await once(socket, 'close');
    clock.advance(1000);
    expect([clock.waitingCount, server.connectionCount]).toEqual([0, 0]);
  });

  it('takes no socket that is closed already', async () => {
    const { server } = serverOf();
    const socket = new MemorySocket();
    socket.destroy();
    await once(socket, 'close');
    server.accept(socket);
    expect(server.connectionCount).toBe(0);
  });

  it('closes the streams of a lost socket, and goes on serving', async () => {
    const { server } = serverOf();
    const socket = new MemorySocket();
    server.accept(socket);
    socket.push(Buffer.concat([preface, settings(), headers(1, block)]));
    await new Promise(setImmediate);
    const [connection] = server.connections();
    expect(connection.streams.size).toBe(1);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.destroy(new Error('reset by peer'));
    await closed;
    expect([server.connectionCount, connection.streams.size]).toEqual([0, 0]);
  });

  it('reads nothing more from a peer that does not read, until it does', async () => {
    const { server, echo } = serverOf({ maxUnsentBytes: 200_000 });
    const socket = new MemorySocket();
    server.accept(socket);
    socket.push(Buffer.concat([preface, settings([setting.initialWindowSize, 2 ** 30]), windowUpdate(0, 2 ** 30)]));
    await new Promise(setImmediate);
    socket.isSlow = true;
    const [connection] = server.connections();
    let asked = 0;
    for (; asked < 50; asked++) {
      socket.push(headers(2 * asked + 1, block, end));
      await new Promise(setImmediate);
      if (socket.isPaused()) break;
      for (const stream of connection.streams.all()) stream.sendLastData(Buffer.alloc(1));
      socket.write(Buffer.alloc(80_000));
    }
    expect(asked).toBeLessThan(5);
    const served = echo.requestCount;
    socket.push(headers(201, block, end));
    await new Promise(setImmediate);
    expect(echo.requestCount).toBe(served);
    socket.isSlow = false;
    socket.takeAll();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(echo.requestCount).toBe(served + 1);
  });
});

/** A key and a certificate for a test, or null where no openssl is at hand. */
function selfSigned(): { readonly key: Buffer; readonly cert: Buffer } | null {
  const folder = mkdtempSync(join(tmpdir(), 'nereid-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const options = [...curve, '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert];
  try {
    execFileSync('openssl', ['req', '-x509', ...options], { stdio: 'ignore' });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } catch {
    return null;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
