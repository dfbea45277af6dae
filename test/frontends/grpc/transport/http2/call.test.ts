import { describe, expect, it } from 'vitest';
import { CallHead } from '../../../../../src/frontends/grpc/transport/http2/call-head.ts';
import type { Http2CallSurroundings } from '../../../../../src/frontends/grpc/transport/http2/call.ts';
import { Http2StreamCall } from '../../../../../src/frontends/grpc/transport/http2/stream-call.ts';
import { Http2UnaryCall } from '../../../../../src/frontends/grpc/transport/http2/unary-call.ts';
import { MessagePool } from '../../../../../src/frontends/message-pool.ts';
import { OpenCalls } from '../../../../../src/frontends/grpc/transport/open-calls.ts';
import type { OutgoingMessage, StreamCall, UnaryCall } from '../../../../../src/frontends/grpc/transport/transport.ts';
import {
  data,
  errorCode,
  frameFlag,
  frameType,
  grpcMessage,
  headers,
  ping,
  resetStream,
} from '../../../../http2/frame-bytes.ts';
import { block, type RecordedRequest, Scene, type SceneOptions } from '../../../../http2/scene.ts';
import { promised } from '../../../../fakes/promised-method.ts';

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
    const handle = promised(() => (answers.shift() as () => Promise<OutgoingMessage>)());
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

/** A method that works for so long on each message and asks for the next. */
function busyStreams(ms: number, taken: string[], options: SceneOptions = {}): Scene {
  const scene: Scene = calls(options, ({ stream, fields }, surroundings) => {
    const open = (call: StreamCall) => {
      call.read();
      return {
        onMessage(message: Buffer) {
          scene.clock.advance(ms);
          taken.push(message.toString());
          call.read();
        },
        onHalfClose: () => call.finish({ code: 0, message: '' }),
        onDrain: () => undefined,
      };
    };
    const streamed = { kind: 'stream', ...method, open } as const;
    const call = new Http2StreamCall(stream, streamed, fields, new CallHead(), Infinity, surroundings);
    stream.receiver = call;
    call.open();
  });
  return scene;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('small messages of a stream', () => {
  it.each([0, frameFlag.padded])('are taken in shares of a turn and in their order, with the flags %d', (flags) => {
    const taken: string[] = [];
    const scene = busyStreams(0.25, taken);
    const texts = Array.from({ length: 1000 }, (_, i) => `${i}`);
    const content = Buffer.concat(texts.map((text) => grpcMessage(Buffer.from(text))));
    // Of a padded frame the first byte is the length of its padding, which is behind the content.
    const padded = Buffer.concat([Buffer.of(2), content, Buffer.alloc(2)]);
    scene.say(headers(1, block), data(1, flags === 0 ? content : padded, end | flags));
    const first = taken.length;
    expect(first).toBeLessThan(200);
    let turns = 0;
    for (; scene.socket.isPaused() && turns < 100; turns++) scene.readTurn.endTurn();
    expect(turns).toBeGreaterThan(5);
    expect(taken).toEqual(texts);
    expect(scene.hears()).toContain('headers 1 end');
    expect(scene.waitingBytes).toBe(0);
  });

  it('give back all of the window of the connection', () => {
    const taken: string[] = [];
    const scene = busyStreams(1, taken, { limits: { connectionWindowBytes: 80_000 } });
    const content = Buffer.alloc(16_380);
    scene.say(headers(1, block), data(1, content));
    scene.say(resetStream(1, errorCode.cancel), headers(3, block));
    for (let turns = 0; scene.socket.isPaused() && turns < 1000; turns++) scene.readTurn.endTurn();
    for (let i = 0; i < 8; i++) {
      scene.say(data(3, content));
      for (let turns = 0; scene.socket.isPaused() && turns < 1000; turns++) scene.readTurn.endTurn();
    }
    expect(taken).toHaveLength((9 * 16_380) / 5);
    expect(scene.connection.lifecycle.isFailed).toBe(false);
  });
});

describe('messages that wait on a lost connection', () => {
  it('are not handed over, though the end of another call makes room for them', () => {
    const opened: StreamCall[] = [];
    let taken = 0;
    const scene = calls({}, ({ stream, fields }, surroundings) => {
      const open = (call: StreamCall) => {
        opened.push(call);
        return { onMessage: () => taken++, onHalfClose: () => undefined, onDrain: () => undefined };
      };
      const streamed = { kind: 'stream', ...method, open } as const;
      const call = new Http2StreamCall(stream, streamed, fields, new CallHead(), Infinity, surroundings);
      stream.receiver = call;
      call.open();
    });
    for (const id of [1, 3]) scene.say(headers(id, block), data(id, grpcMessage(Buffer.alloc(10))));
    opened[0].cancellation.add(() => opened[1].read());
    scene.connection.lost();
    expect(taken).toBe(0);
  });
});

describe('an answer that cannot be written', () => {
  it('ends the connection and sends no bytes of answers to other clients', async () => {
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
    expect(scene.connection.lifecycle.isFailed).toBe(false);
    expect(40 * bytes.length - given).toBeLessThan(65_536 / 4);
  });

  it('reopens completely after failed unary calls', async () => {
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

describe('a large message', () => {
  const message = (salt: number) => Buffer.from(Array.from({ length: 90_000 }, (_, i) => ((i * 31) >> salt) & 0xff));

  /** Unary calls that keep what they are asked, and the pool that their messages lie in. */
  function keeping() {
    const asked: Buffer[] = [];
    const pool = new MessagePool();
    const scene = calls({}, ({ stream, fields }, surroundings) => {
      const handle = async (request: Buffer) => {
        asked.push(Buffer.from(request));
        return Buffer.from('answer');
      };
      const unary = { kind: 'unary', ...method, handle: promised(handle) } as const;
      const all = { ...surroundings, pool };
      stream.receiver = new Http2UnaryCall(stream, unary, fields, new CallHead(), Infinity, all);
    });
    return { asked, pool, scene };
  }

  /** DATA frames of these sizes in turn; every second one is padded. */
  function framesOf(streamId: number, bytes: Buffer, sizes: readonly number[]): Buffer[] {
    const frames: Buffer[] = [];
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const part = bytes.subarray(at, at + (sizes[i % sizes.length] as number));
      at += part.length;
      const flags = at === bytes.length ? end : 0;
      const padding = Buffer.alloc(i % 50);
      if (i % 2 === 0) frames.push(data(streamId, part, flags));
      else
        frames.push(
          data(
            streamId,
            Buffer.concat([[padding.length], part, padding].map((each) => Buffer.from(each))),
            flags | frameFlag.padded,
          ),
        );
    }
    return frames;
  }

  it('is whole when its frames alternate with those of others, padded ones among them, wherever reads cut', async () => {
    const messages = [0, 1, 2].map(message);
    const each = messages.map((bytes, i) => framesOf(2 * i + 1, grpcMessage(bytes), [16_000, 3, 16_300, 1]));
    const bytes = Buffer.concat([
      ...each.map((_, i) => headers(2 * i + 1, block)),
      ...each[0].flatMap((_, i) => each.map((frames) => frames[i])),
    ]);
    // Prime, so that every position within a frame is a cut sooner or later; and one that takes everything.
    for (const size of [997, 4099, 16_411, bytes.length]) {
      const { asked, scene } = keeping();
      for (let at = 0; at < bytes.length; at += size) scene.say(bytes.subarray(at, at + size));
      await settled();
      expect(asked.map((got, i) => got.equals(messages[i]))).toEqual([true, true, true]);
      expect(scene.connection.intake.assembledBytes).toBe(0);
      expect(scene.connection.intake.missingBytes).toBe(0);
    }
  });

  it('is whole wherever a head of its frames is cut', async () => {
    const [sent] = [0].map(message);
    const frames = framesOf(1, grpcMessage(sent), [16_384, 16_000]);
    const bytes = Buffer.concat([headers(1, block), ...frames]);
    const second = headers(1, block).length + frames[0].length;
    for (let cut = second - 3; cut < second + 14; cut++) {
      const { asked, scene } = keeping();
      scene.say(bytes.subarray(0, cut));
      scene.say(bytes.subarray(cut));
      await settled();
      expect(asked[0]?.equals(sent)).toBe(true);
    }
  });

  it.each([
    ['is reset between its frames', (scene: Scene) => scene.say(resetStream(1, errorCode.cancel))],
    ['loses its connection in the middle of a frame', (scene: Scene) => scene.connection.lost()],
  ])('gives its memory back when it %s', (what, cut) => {
    const { asked, pool, scene } = keeping();
    const first = data(1, grpcMessage(message(0)).subarray(0, 16_000));
    scene.say(headers(1, block), what.includes('middle') ? first.subarray(0, 9000) : first);
    expect(scene.connection.intake.assembledBytes).toBe(90_000);
    expect(scene.connection.intake.missingBytes).toBe(what.includes('middle') ? 81_014 : 74_005);
    const fresh = pool.take(90_000);
    cut(scene);
    expect(scene.connection.intake.assembledBytes).toBe(0);
    expect(scene.connection.intake.missingBytes).toBe(0);
    const again = pool.take(90_000);
    expect(again).not.toBe(fresh);
    expect(again.subarray(0, 1000).equals(message(0).subarray(0, 1000))).toBe(true);
    expect(asked).toEqual([]);
  });
});

describe('the memory of a small message', () => {
  /** Unary calls that are answered when a test says so, over a pool; each has its message and a way to end it. */
  function held(keepsMessage = false) {
    const pool = new MessagePool();
    const asked: { readonly message: Buffer; readonly end: (error?: Error) => void }[] = [];
    const scene = calls({}, ({ stream, fields }, surroundings) => {
      const handle = (message: Buffer, call: UnaryCall): void => {
        const end = (error?: Error): void =>
          error === undefined ? call.respond(Buffer.from('answer')) : call.fail(error);
        asked.push({ message, end });
      };
      const unary = { kind: 'unary', ...method, handle, keepsMessage } as const;
      const all = { ...surroundings, pool };
      stream.receiver = new Http2UnaryCall(stream, unary, fields, new CallHead(), Infinity, all);
    });
    const ask = (id: number, fill: number): void =>
      scene.say(headers(id, block), data(id, grpcMessage(Buffer.alloc(200, fill)), end));
    return { pool, asked, scene, ask };
  }

  const isAll = (bytes: Buffer | undefined, fill: number): boolean => bytes?.every((byte) => byte === fill) === true;

  it.each([
    ['is answered', undefined],
    ['has failed', new Error('it failed')],
  ])('serves the next one when its call %s', (_, error) => {
    const { asked, ask } = held();
    ask(1, 1);
    asked[0]?.end(error);
    ask(3, 2);
    expect(asked[1]?.message.buffer === asked[0]?.message.buffer).toBe(true);
    expect(isAll(asked[1]?.message, 2)).toBe(true);
  });

  it('is not used again while its request may be read, also when the caller has left', () => {
    const { asked, scene, ask, pool } = held();
    ask(1, 1);
    scene.say(resetStream(1, errorCode.cancel));
    ask(3, 2);
    expect([isAll(asked[0]?.message, 1), isAll(asked[1]?.message, 2)]).toEqual([true, true]);
    expect(pool.reuse(200)).toBeNull();
    asked[0]?.end(new Error('the batch has ended'));
    ask(5, 3);
    expect(asked[2]?.message.buffer === asked[0]?.message.buffer).toBe(true);
    expect(isAll(asked[1]?.message, 2)).toBe(true);
  });

  it('comes back when the caller leaves before the half-close', () => {
    const { scene, pool } = held();
    scene.say(headers(1, block), data(1, grpcMessage(Buffer.alloc(200, 1)), 0));
    expect(pool.reuse(200)).toBeNull();
    scene.say(resetStream(1, errorCode.cancel));
    expect(pool.reuse(200)?.length).toBe(256);
  });

  it('is never used again when the method keeps it', () => {
    const { asked, ask, pool } = held(true);
    ask(1, 1);
    asked[0]?.end();
    ask(3, 2);
    expect([isAll(asked[0]?.message, 1), pool.reuse(200)]).toEqual([true, null]);
  });
});
