import { describe, expect, it } from 'vitest';
import { CallHead } from '../../../src/frontends/grpc/call-head.ts';
import type { Http2CallSurroundings } from '../../../src/frontends/grpc/http2-call.ts';
import { Http2StreamCall } from '../../../src/frontends/grpc/http2-stream-call.ts';
import { Http2UnaryCall } from '../../../src/frontends/grpc/http2-unary-call.ts';
import { MessagePool } from '../../../src/frontends/message-pool.ts';
import { OpenCalls } from '../../../src/frontends/grpc/open-calls.ts';
import type { OutgoingMessage, StreamCall } from '../../../src/frontends/grpc/transport.ts';
import { data, errorCode, frameFlag, frameType, grpcMessage, headers, ping } from '../../http2/frame-bytes.ts';
import { block, type RecordedRequest, Scene, type SceneOptions } from '../../http2/scene.ts';

const end = frameFlag.endStream;
const method = { path: '/service/Method', isCompressible: false } as const;

/** The calls of one scene; its config and logger are as small as they may be. */
function calls(options: SceneOptions, take: (request: RecordedRequest, surroundings: Http2CallSurroundings) => void) {
  const surroundings = {
    logger: { error: () => undefined },
    config: { maxMessageBytes: 100_000, responseCompressionLevel: 'none' },
    calls: new OpenCalls(),
    pool: new MessagePool(),
  } as unknown as Http2CallSurroundings;
  const scene: Scene = new Scene({
    ...options,
    onRequest: (request) => take(request, { ...surroundings, clock: scene.clock }),
  });
  return scene;
}

/** A method whose answers are these. */
const unaryCalls = (answers: (() => Promise<OutgoingMessage>)[], options: SceneOptions = {}) =>
  calls(options, ({ stream, fields }, surroundings) => {
    const handle = () => (answers.shift() as () => Promise<OutgoingMessage>)();
    const unary = { kind: 'unary', ...method, handle } as const;
    stream.receiver = new Http2UnaryCall(stream, unary, fields, new CallHead(), Infinity, surroundings);
  });

/** A method that asks for no message. */
const idleStreams = (options: SceneOptions) =>
  calls(options, ({ stream, fields }, surroundings) => {
    const receiver = { onMessage: () => undefined, onHalfClose: () => undefined, onDrain: () => undefined };
    const streamed = { kind: 'stream', ...method, open: (_call: StreamCall) => receiver } as const;
    const call = new Http2StreamCall(stream, streamed, fields, new CallHead(), Infinity, surroundings);
    stream.receiver = call;
    call.open();
  });

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('an answer that cannot be written', () => {
  it('ends the connection and sends nothing of what others were told before', async () => {
    const secret = 'told to somebody else';
    const scene = unaryCalls([
      async () => Buffer.from(secret.repeat(100)),
      async () => ({
        byteLength: 2000,
        copy: () => {
          throw new Error('it is gone');
        },
      }),
    ]);
    for (const id of [1, 3]) {
      scene.say(headers(id, block), data(id, grpcMessage(), end));
      await settled();
      scene.heard();
    }
    const [first, second] = scene.frames.filter(({ type }) => type === frameType.data);
    expect(first.content.toString('latin1')).toContain(secret);
    expect(second.content.toString('latin1')).not.toContain('somebody');
    expect(scene.frames.at(-1)?.content.readUInt32BE(4)).toBe(errorCode.internal);
  });
});

describe('the window of a connection', () => {
  it.each([
    ['too large', grpcMessage(Buffer.alloc(16_000), 100_001)],
    ['too large behind a good one', Buffer.concat([grpcMessage(), grpcMessage(Buffer.alloc(16_000), 100_001)])],
  ])('comes back whole after streams whose message is %s', (_, bytes) => {
    const scene = idleStreams({ limits: { connectionWindowBytes: 65_536 } });
    let given = 0;
    for (let i = 0; i < 40; i++) {
      const id = 2 * i + 1;
      scene.say(headers(id, block), data(id, bytes));
      for (const { type, streamId, content } of scene.heard()) {
        if (type === frameType.windowUpdate && streamId === 0) given += content.readUInt32BE(0);
      }
    }
    expect(scene.connection.life.isFailed).toBe(false);
    expect(40 * bytes.length - given).toBeLessThan(65_536 / 4);
  });

  it('comes back whole after unary calls that fail', async () => {
    const scene = unaryCalls([], { limits: { connectionWindowBytes: 65_536 } });
    for (let i = 0; i < 40; i++) {
      const id = 2 * i + 1;
      scene.say(headers(id, block), data(id, grpcMessage(Buffer.alloc(16_000), 100_001)));
      scene.heard();
    }
    scene.say(ping());
    expect(scene.hears()).toEqual(['ping ack']);
  });
});
