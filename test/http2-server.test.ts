import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createHttp2Server, errorCode, HeaderField, type Http2Request } from '../src/http2-server.ts';
import { FakeClock } from './fakes/fake-clock.ts';
import { frameFlag, frameType, headers, preface, settings } from './http2/frame-bytes.ts';
import { block } from './http2/scene.ts';
import { SentFrames } from './http2/sent-frames.ts';
import { MemorySocket } from './sockets/memory-socket.ts';

/** A server, and a peer that has sent one request without a body. */
async function askedBy(answer: (request: Http2Request, path: string) => void) {
  const clock = new FakeClock();
  const server = createHttp2Server(
    {
      onRequest: (request, fields) => answer(request, fields.find(({ name }) => name === ':path')?.value ?? ''),
      onUnexpected(error) {
        throw error;
      },
    },
    { clock, limits: { handshakeTimeoutMs: 3000 } },
  );
  const socket = new MemorySocket();
  server.accept(socket);
  socket.push(Buffer.concat([preface, settings(), headers(1, block, frameFlag.endStream)]));
  await turn();
  await turn();
  return { clock, server, socket, frames: new SentFrames().read(socket.written) };
}

describe('createHttp2Server', () => {
  it('answers a request with fields, data and trailers', async () => {
    const { frames } = await askedBy((request, path) => {
      expect([request.id, request.announcedBytes, request.isLocalEnded]).toEqual([1, -1, false]);
      request.sendHeaders([new HeaderField(':status', '200')], false);
      request.sendData(Buffer.from(path), null);
      request.sendTrailers([new HeaderField('x-end', 'yes')]);
      expect(request.isLocalEnded).toBe(true);
    });
    const ours = frames.filter(({ streamId }) => streamId === 1);
    expect(ours.map(({ type }) => type)).toEqual([frameType.headers, frameType.data, frameType.headers]);
    expect([ours[0].fields, ours[2].fields]).toEqual([[':status: 200'], ['x-end: yes']]);
  });

  it('resets a request with the given code', async () => {
    const { frames } = await askedBy((request) => request.reset(errorCode.refusedStream));
    const reset = frames.find(({ type }) => type === frameType.resetStream);
    expect(reset?.content.readUInt32BE()).toBe(errorCode.refusedStream);
  });

  it('leaves when its connections have ended', async () => {
    const { server, socket } = await askedBy((request) =>
      request.sendHeaders([new HeaderField(':status', '204')], true),
    );
    expect(server.connectionCount).toBe(1);
    const left = server.leave();
    socket.destroy();
    await left;
    expect(server.connectionCount).toBe(0);
  });

  it('takes the time and the limits that it is given', async () => {
    const clock = new FakeClock();
    const handler = { onRequest: () => undefined, onUnexpected: () => undefined };
    const server = createHttp2Server(handler, { clock, limits: { handshakeTimeoutMs: 3000 } });
    const socket = new MemorySocket();
    server.accept(socket);
    clock.advance(3000);
    expect(socket.writableEnded).toBe(true);
    server.destroy();
  });
});
