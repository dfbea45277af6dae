/** Frames, compression and other bytes that no gRPC client would send, over a bare HTTP/2 connection. */

import http2 from 'node:http2';
import { connect } from 'node:net';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { output } from '../../../fakes/fake-inference-server.ts';
import { decodeResponse, decodeStreamResponse, encodeRequest } from '../protobuf-oracle.ts';
import { call, echoRequest, type Running, startFrontend } from '../running-frontend.ts';

const infer = '/inference.GRPCInferenceService/ModelInfer';
const streamInfer = '/inference.GRPCInferenceService/ModelStreamInfer';

let running: Running;
const start = async (config = {}): Promise<void> => {
  running?.stop();
  running = await startFrontend(config);
};
beforeEach(() => start());
afterEach(() => running.stop());

interface Answer {
  readonly status: string | undefined;
  readonly text: string;
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends these bytes as the whole DATA of a call and half-closes. */
function send(path: string, body: Buffer, headers: http2.OutgoingHttpHeaders = {}): Promise<Answer> {
  const session = http2.connect(`http://127.0.0.1:${running.listening.port}`);
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    const parts: Buffer[] = [];
    let head: http2.IncomingHttpHeaders = {};
    let tail: http2.IncomingHttpHeaders = {};
    stream.on('response', (received) => {
      head = received;
    });
    stream.on('trailers', (received) => {
      tail = received;
    });
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('error', reject);
    stream.on('close', () => {
      session.close();
      const status = (tail['grpc-status'] ?? head['grpc-status']) as string | undefined;
      const text = decodeURIComponent(String(tail['grpc-message'] ?? head['grpc-message'] ?? ''));
      resolve({ status, text, headers: head, body: Buffer.concat(parts) });
    });
    stream.end(body);
  });
}

function frame(message: Buffer, flag = 0): Buffer {
  const prefix = Buffer.from([flag, 0, 0, 0, 0]);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The frames of an answer, each with its flag. */
function unframed(body: Buffer): { flag: number; message: Buffer }[] {
  const frames: { flag: number; message: Buffer }[] = [];
  for (let at = 0; at < body.length; ) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    frames.push({ flag: body[at]!, message: body.subarray(at + 5, end) });
    at = end;
  }
  return frames;
}

const request = encodeRequest(echoRequest('7'));
const large = (count: number) => encodeRequest(echoRequest('7', new Uint8Array(count)));

const answersWithLargeOutput = (): void => {
  running.server.answer = async (seen) =>
    running.server.respond(seen, [
      output({ name: 'Y', datatype: 'UINT8', shape: [100_000], data: new Uint8Array(100_000) }),
    ]);
};

describe('the frames of a unary call', () => {
  it('may be none or cut: an internal error that says so', async () => {
    for (const body of [
      Buffer.alloc(0),
      Buffer.from([0, 0, 0]),
      frame(request).subarray(0, -1),
      Buffer.concat([Buffer.from([0, 0, 0, 1, 0]), request]),
    ]) {
      const { status, text } = await send(infer, body);
      expect(status).toBe('13');
      expect(text).toBe(`the call of ${infer} ended before a whole request message had arrived`);
    }
    expect(running.server.seen).toHaveLength(0);
  });

  it('must be one', async () => {
    const { status, text } = await send(infer, Buffer.concat([frame(request), frame(request)]));
    expect(status).toBe('12');
    expect(text).toContain('got a second one');
  });

  it('may carry an empty message', async () => {
    const { status } = await send(infer, frame(Buffer.alloc(0)));
    expect(status).toBe('0');
    expect(running.server.last.request.modelName).toBe('');
  });

  it('may come in pieces of any size', async () => {
    const { status, body } = await send(infer, frame(large(300_000)));
    expect(status).toBe('0');
    expect(unframed(body)[0]!.message.length).toBeGreaterThan(300_000);
  });
});

describe('compressed requests', () => {
  it('in gzip and deflate are taken', async () => {
    for (const [encoding, compressed] of [
      ['gzip', gzipSync(request)],
      ['deflate', deflateSync(request)],
    ] as const) {
      const { status, body } = await send(infer, frame(compressed, 1), { 'grpc-encoding': encoding });
      expect(status).toBe('0');
      expect(decodeResponse(unframed(body)[0]!.message).id).toBe('7');
    }
  });

  it('may have messages that are not compressed', async () => {
    expect((await send(infer, frame(request), { 'grpc-encoding': 'gzip' })).status).toBe('0');
    expect((await send(infer, frame(request), { 'grpc-encoding': 'snappy' })).status).toBe('0');
  });

  it('are refused without an encoding, with an unknown one and with an impossible flag', async () => {
    const nameless = await send(infer, frame(gzipSync(request), 1));
    expect(nameless).toMatchObject({ status: '13' });
    expect(nameless.text).toContain('no grpc-encoding');
    const unknown = await send(infer, frame(gzipSync(request), 1), { 'grpc-encoding': 'snappy' });
    expect(unknown).toMatchObject({ status: '12' });
    expect(unknown.text).toContain(`'snappy' is not supported`);
    expect(unknown.headers['grpc-accept-encoding']).toBe('identity,deflate,gzip');
    expect(await send(infer, frame(request, 2))).toMatchObject({ status: '13' });
  });

  it('that are no such stream are an internal error', async () => {
    const { status, text } = await send(infer, frame(request, 1), { 'grpc-encoding': 'gzip' });
    expect(status).toBe('13');
    expect(text).toContain('can not be inflated');
  });

  it('inflate to a bounded size', async () => {
    const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024), { level: 9 });
    const before = process.memoryUsage().rss;
    const { status, text } = await send(infer, frame(bomb, 1), { 'grpc-encoding': 'gzip' });
    expect(status).toBe('8');
    expect(text).toContain(`inflates to more than ${64 * 1024 * 1024} bytes`);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 * 1024);
    await start({ maxMessageBytes: 1000 });
    const limited = await send(infer, frame(gzipSync(large(2000)), 1), { 'grpc-encoding': 'gzip' });
    expect(limited).toMatchObject({ status: '8' });
    expect(limited.text).toContain('more than 1000 bytes');
  });

  it('are taken in order in a stream', async () => {
    const body = Buffer.concat(
      ['0', '1', '2', '3'].map((id) => {
        const message = encodeRequest(echoRequest(id));
        return Number(id) % 2 === 0 ? frame(gzipSync(message), 1) : frame(message);
      }),
    );
    const answer = await send(streamInfer, body, { 'grpc-encoding': 'gzip' });
    expect(answer.status).toBe('0');
    const ids = unframed(answer.body).map(({ message }) => decodeStreamResponse(message).infer_response.id);
    expect(ids).toEqual(['0', '1', '2', '3']);
  });

  it('that are broken end a stream', async () => {
    const body = Buffer.concat([frame(request), frame(request, 1), frame(request)]);
    expect(await send(streamInfer, body, { 'grpc-encoding': 'gzip' })).toMatchObject({ status: '13' });
    expect(await send(streamInfer, frame(request, 1))).toMatchObject({ status: '13' });
  });
});

describe('compressed responses', () => {
  it('are sent when they are configured and the caller takes them', async () => {
    await start({ responseCompressionLevel: 'low' });
    answersWithLargeOutput();
    for (const [accepted, inflate] of [
      ['identity,deflate,gzip', gunzipSync],
      ['identity, deflate', inflateSync],
    ] as const) {
      const { status, headers, body } = await send(infer, frame(request), { 'grpc-accept-encoding': accepted });
      expect(status).toBe('0');
      expect(headers['grpc-encoding']).toBe(inflate === gunzipSync ? 'gzip' : 'deflate');
      const [{ flag, message }] = unframed(body) as [{ flag: number; message: Buffer }];
      expect(flag).toBe(1);
      expect(message.length).toBeLessThan(2000);
      expect(decodeResponse(inflate(message)).raw_output_contents[0]).toHaveLength(100_000);
    }
    expect(running.server.unreleased).toBe(0);
  });

  it('are not sent to callers that name no encoding, for small messages, or by default', async () => {
    await start({ responseCompressionLevel: 'high' });
    const small = await send(infer, frame(request), { 'grpc-accept-encoding': 'gzip' });
    expect(unframed(small.body)[0]!.flag).toBe(0);
    answersWithLargeOutput();
    expect(unframed((await send(infer, frame(request))).body)[0]!.flag).toBe(0);
    await start();
    answersWithLargeOutput();
    const plain = await send(infer, frame(request), { 'grpc-accept-encoding': 'gzip' });
    expect(unframed(plain.body)[0]!.flag).toBe(0);
  });

  it('keep their order in a stream', async () => {
    await start({ responseCompressionLevel: 'medium' });
    let count = 0;
    running.server.answer = async (seen) => {
      const bytes = count++ % 2 === 0 ? 200_000 : 10;
      return running.server.respond(seen, [
        output({ name: 'Y', datatype: 'UINT8', shape: [bytes], data: new Uint8Array(bytes) }),
      ]);
    };
    const body = Buffer.concat(['0', '1', '2', '3'].map((id) => frame(encodeRequest(echoRequest(id)))));
    const answer = await send(streamInfer, body, { 'grpc-accept-encoding': 'gzip' });
    expect(answer.status).toBe('0');
    const ids = unframed(answer.body).map(({ flag, message }) => {
      const { id } = decodeStreamResponse(flag === 1 ? gunzipSync(message) : message).infer_response;
      return `${id}:${flag}`;
    });
    expect(ids).toEqual(['0:1', '1:0', '2:1', '3:0']);
  });
});

describe('a stream of very many small messages in one chunk', () => {
  it('is taken without deep recursion', async () => {
    const total = 20_000;
    const body = Buffer.concat(new Array(total).fill(frame(Buffer.alloc(0))));
    const answer = await send(streamInfer, body);
    expect(answer.status).toBe('0');
    expect(unframed(answer.body)).toHaveLength(total);
  });
});

describe('bytes that are no HTTP/2 or no gRPC', () => {
  it('harm no other call', async () => {
    for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(1000, 0xff)]) {
      await new Promise((resolve) => {
        const socket = connect(running.listening.port, '127.0.0.1', () => socket.write(bytes));
        socket.on('error', () => undefined);
        socket.on('close', resolve);
        socket.resume();
      });
    }
    const { headers } = await send(infer, Buffer.alloc(0), { 'content-type': 'application/json' });
    expect(headers[':status']).toBe(415);
    expect((await call(running.client, 'ModelInfer', echoRequest('after'))).id).toBe('after');
  });
});
