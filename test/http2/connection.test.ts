import { describe, expect, it } from 'vitest';
import { HeaderField } from '../../src/http2/header-field.ts';
import { ConnectionError } from '../../src/http2/error-code.ts';
import {
  data,
  errorCode,
  field,
  frame,
  frameFlag,
  frameType,
  headers,
  ping,
  preface,
  priority,
  requestBlock,
  resetStream,
  setting,
  settings,
  settingsAck,
  windowUpdate,
} from './frame-bytes.ts';
import { block, okHead, Scene, someTrailers, told } from './scene.ts';

const end = frameFlag.endStream;
const bytes = (count: number, fill = 7) => Buffer.alloc(count, fill);

/** A DATA frame with that much padding behind its content. */
const padded = (streamId: number, content: Buffer, paddingBytes: number, flags = 0) =>
  data(streamId, Buffer.concat([Buffer.of(paddingBytes), content, Buffer.alloc(paddingBytes)]), flags | 0x8);

const withLength = (length: string) => requestBlock('/s/M', field('content-length', length));

describe('a request', () => {
  it('comes with its fields, its content and its end, and is answered in order', () => {
    const scene = new Scene();
    const { stream, fields, calls } = scene.ask(1);
    expect(fields.find(({ name }) => name === ':path')?.value).toBe('/service/Method');
    scene.say(data(1, bytes(3)));
    scene.say(data(1, bytes(2), end));
    expect(calls).toEqual(['data 3', 'data 2', 'end']);
    stream.sendHeaders(okHead, false);
    stream.sendData(bytes(10), null);
    stream.sendTrailers(someTrailers);
    expect(scene.hears()).toEqual(['headers 1', 'data 1 10', 'headers 1 end']);
    expect(scene.frames.at(-1)?.fields).toEqual(['grpc-status: 0']);
    expect(scene.connection.streams.size).toBe(0);
    expect(stream.isClosed).toBe(true);
  });

  it('without content has its end right behind its head', () => {
    expect(new Scene().ask(1, end).calls).toEqual(['end']);
  });

  it('may end with trailers', () => {
    const scene = new Scene();
    const { calls } = scene.ask(1);
    scene.say(data(1, bytes(1)), headers(1, field('x', 'y'), end));
    expect(calls).toEqual(['data 1', 'end']);
  });

  it.each([
    ['do not end it', field('x', 'y'), 0],
    ['hold a pseudo field', field(':path', '/'), end],
    ['hold a name in upper case', field('X', 'y'), end],
  ])('is reset when its trailers %s', (_, trailers, flags) => {
    const scene = new Scene();
    const { calls } = scene.ask(1);
    scene.say(headers(1, trailers, flags));
    expect(calls).toEqual(['closed']);
    expect(scene.hears()).toEqual([`resetStream 1 code ${errorCode.protocol}`]);
  });

  it('may come in any number of CONTINUATION frames', () => {
    const scene = new Scene();
    const cut = (from: number, to?: number) => block.subarray(from, to);
    scene.say(frame(frameType.headers, end, 1, cut(0, 1)));
    scene.say(frame(frameType.continuation, 0, 1), frame(frameType.continuation, 0, 1, cut(1, 20)));
    scene.say(frame(frameType.continuation, frameFlag.endHeaders, 1, cut(20)));
    expect(scene.requests).toHaveLength(1);
    expect(scene.requests[0].calls).toEqual(['end']);
  });

  it('may be padded and prioritized', () => {
    const scene = new Scene();
    const content = Buffer.concat([Buffer.from([4, 0, 0, 0, 0, 15]), block, Buffer.alloc(4)]);
    scene.say(headers(1, content, frameFlag.padded | frameFlag.priority | end));
    expect(scene.requests[0].calls).toEqual(['end']);
  });

  it('that is malformed is reset and disturbs no other', () => {
    const scene = new Scene();
    scene.say(headers(1, field(':method', 'GET'), end));
    expect(scene.ask(3, end).calls).toEqual(['end']);
    expect(scene.hears()).toEqual([`resetStream 1 code ${errorCode.protocol}`]);
  });

  it('with more fields than were announced is answered with 431', () => {
    const scene = new Scene({ limits: { maxHeaderListBytes: 500 } });
    scene.say(headers(1, requestBlock('/s/M', field('x', 'a'.repeat(400))), end));
    expect(scene.requests).toHaveLength(0);
    expect(scene.heard()[0].fields).toEqual([':status: 431']);
    expect(scene.connection.streams.size).toBe(0);
  });

  it('beyond the limit of streams is refused, and its content is ignored but given back', () => {
    const scene = new Scene({ limits: { maxConcurrentStreams: 1, connectionWindowBytes: 65_536 } });
    scene.ask(1);
    scene.say(headers(3, block), data(3, bytes(16_384)), data(3, bytes(100), end));
    expect(scene.requests).toHaveLength(1);
    expect(scene.hears()).toEqual([`resetStream 3 code ${errorCode.refusedStream}`, 'windowUpdate 0 16384']);
  });

  it('that depends on itself is reset', () => {
    const scene = new Scene();
    const { calls } = scene.ask(1, frameFlag.priority, Buffer.concat([Buffer.from([0, 0, 0, 1, 15]), block]));
    expect(calls).toEqual(['closed']);
    expect(scene.hears()).toEqual([`resetStream 1 code ${errorCode.protocol}`]);
  });
});

describe('content-length', () => {
  it.each([
    ['0', []],
    ['5', [bytes(2), bytes(3)]],
  ])('of %s that is kept is no matter', (length, parts) => {
    const scene = new Scene();
    const { calls } = scene.ask(1, 0, withLength(length));
    scene.say(...parts.map((part) => data(1, part)), data(1, bytes(0), end));
    expect(calls.at(-1)).toBe('end');
    expect(scene.hears()).toEqual([]);
  });

  it.each([
    ['too little content', 5, 4],
    ['too much content', 5, 6],
    ['no content', 5, 0],
  ])('with %s resets the stream', (_, announced, sent) => {
    const scene = new Scene();
    const { calls } = scene.ask(1, 0, withLength(String(announced)));
    scene.say(data(1, bytes(sent), end));
    expect(calls.at(-1)).toBe('closed');
    expect(scene.hears()).toEqual([`resetStream 1 code ${errorCode.protocol}`]);
  });

  it('counts no padding', () => {
    const scene = new Scene();
    const { calls } = scene.ask(1, 0, withLength('5'));
    scene.say(padded(1, bytes(5), 200, end));
    expect(calls).toEqual(['data 5', 'end']);
  });

  it('is held against a request without content', () => {
    const scene = new Scene();
    expect(scene.ask(1, end, withLength('1')).calls).toEqual(['closed']);
  });
});

describe('an early answer', () => {
  it('is followed by RST_STREAM with NO_ERROR, and the rest of the request is ignored and given back', () => {
    const scene = new Scene({ limits: { connectionWindowBytes: 65_536 } });
    const { stream, calls } = scene.ask(1);
    stream.sendHeaders(okHead, true);
    expect(scene.hears()).toEqual(['headers 1 end', 'resetStream 1 code 0']);
    scene.say(data(1, bytes(16_384)), data(1, bytes(10), end));
    expect(calls).toEqual([]);
    expect(scene.hears()).toEqual(['windowUpdate 0 16384']);
  });

  it('of a request that had ended is followed by nothing', () => {
    const scene = new Scene();
    scene.ask(1, end).stream.sendHeaders(okHead, true);
    expect(scene.hears()).toEqual(['headers 1 end']);
  });

  it('given in the middle of a DATA frame hears nothing of the rest of it', () => {
    const scene = new Scene();
    const { stream, calls } = scene.ask(1);
    const one = data(1, bytes(100), end);
    scene.say(one.subarray(0, 50));
    stream.sendHeaders(okHead, true);
    scene.say(one.subarray(50));
    expect(calls).toEqual(['data 41']);
  });

  it('that waits for windows gets no events of later frames', () => {
    const scene = new Scene({ settings: [[setting.initialWindowSize, 0]] });
    const { stream, calls } = scene.ask(1);
    stream.sendHeaders(okHead, false);
    stream.sendData(bytes(10), null);
    stream.sendTrailers(someTrailers);
    scene.say(data(1, bytes(5)), data(1, bytes(5), end));
    expect(calls).toEqual([]);
  });
});

describe('DATA after the end', () => {
  it('of the request resets the stream', () => {
    const scene = new Scene();
    const { calls } = scene.ask(1, end);
    scene.say(data(1, bytes(3)));
    expect(calls).toEqual(['end', 'closed']);
    expect(scene.hears()).toEqual([`resetStream 1 code ${errorCode.streamClosed}`]);
  });

  it('of the whole exchange is answered with STREAM_CLOSED, once', () => {
    const scene = new Scene();
    scene.ask(1, end).stream.sendHeaders(okHead, true);
    scene.heard();
    scene.say(data(1, bytes(3)), data(1, bytes(3)));
    expect(scene.hears()).toEqual([`resetStream 1 code ${errorCode.streamClosed}`]);
  });

  it('on a stream that the peer reset is answered with STREAM_CLOSED', () => {
    const scene = new Scene();
    const { calls } = scene.ask(1);
    scene.say(resetStream(1, errorCode.cancel), data(1, bytes(3)));
    expect(calls).toEqual(['closed']);
    expect(scene.hears()).toEqual([`resetStream 1 code ${errorCode.streamClosed}`]);
  });
});

describe('a frame that breaks the rules of a connection', () => {
  it.each<readonly [string, number, Buffer]>([
    ['DATA for stream 0', errorCode.protocol, data(0, bytes(1))],
    ['DATA for a stream that is idle', errorCode.protocol, data(3, bytes(1))],
    ['DATA for a stream of the server', errorCode.protocol, data(2, bytes(1))],
    ['HEADERS for stream 0', errorCode.protocol, headers(0, block)],
    ['HEADERS for a stream of the server', errorCode.protocol, headers(2, block)],
    ['HEADERS that HPACK cannot read', errorCode.compression, headers(3, Buffer.from([0x80]))],
    ['HEADERS whose padding is longer than they are', errorCode.protocol, headers(3, Buffer.from([9, 1]), 0x8)],
    ['HEADERS too short for their priority', errorCode.frameSize, headers(3, Buffer.from([1]), 0x20)],
    ['padded DATA without a length', errorCode.frameSize, data(1, bytes(0), 0x8)],
    ['padded DATA with too much padding', errorCode.protocol, data(1, Buffer.from([2, 0]), 0x8)],
    ['CONTINUATION of nothing', errorCode.protocol, frame(frameType.continuation, 4, 1)],
    ['PUSH_PROMISE', errorCode.protocol, frame(frameType.pushPromise, 4, 1, bytes(4))],
    ['PRIORITY of stream 0', errorCode.protocol, priority(0)],
    ['PRIORITY of 4 bytes for a stream that is idle', errorCode.frameSize, frame(frameType.priority, 0, 9, bytes(4))],
    ['RST_STREAM of a stream that is idle', errorCode.protocol, resetStream(9, 8)],
    ['RST_STREAM of stream 0', errorCode.protocol, resetStream(0, 8)],
    ['RST_STREAM of 3 bytes', errorCode.frameSize, frame(frameType.resetStream, 0, 1, bytes(3))],
    ['SETTINGS of a stream', errorCode.protocol, frame(frameType.settings, 0, 1)],
    ['SETTINGS of 5 bytes', errorCode.frameSize, frame(frameType.settings, 0, 0, bytes(5))],
    ['an acknowledgement of SETTINGS with content', errorCode.frameSize, frame(frameType.settings, 1, 0, bytes(6))],
    ['PING of a stream', errorCode.protocol, frame(frameType.ping, 0, 1, bytes(8))],
    ['PING of 7 bytes', errorCode.frameSize, frame(frameType.ping, 0, 0, bytes(7))],
    ['GOAWAY of a stream', errorCode.protocol, frame(frameType.goAway, 0, 1, bytes(8))],
    ['GOAWAY of 7 bytes', errorCode.frameSize, frame(frameType.goAway, 0, 0, bytes(7))],
    ['WINDOW_UPDATE of 5 bytes', errorCode.frameSize, frame(frameType.windowUpdate, 0, 0, bytes(5))],
    ['WINDOW_UPDATE by nothing', errorCode.protocol, windowUpdate(0, 0)],
    ['WINDOW_UPDATE of a stream that is idle', errorCode.protocol, windowUpdate(9, 1)],
    ['WINDOW_UPDATE beyond the largest window', errorCode.flowControl, windowUpdate(0, 2 ** 31 - 1)],
    ['another frame within a header block', errorCode.protocol, frame(frameType.headers, 0, 3, block)],
  ])('%s ends it, with code %d', (what, code, bad) => {
    const scene = new Scene();
    const { calls } = scene.ask(1);
    scene.say(bad);
    if (what.startsWith('another')) scene.say(ping());
    const last = scene.heard().at(-1);
    expect(last && told(last)).toBe(`goAway last 1 code ${code}`);
    expect(last?.content.subarray(8).toString()).not.toBe('');
    expect(calls).toEqual(['closed']);
    expect(scene.socket.isEnded).toBe(true);
    // Nothing is looked at any more.
    scene.say(headers(5, block, end));
    expect(scene.requests).toHaveLength(1);
    expect(scene.hears()).toEqual([]);
  });

  it.each<readonly [string, Buffer]>([
    ['DATA', data(1, bytes(1))],
    ['padded DATA', data(1, bytes(1, 0), 0x8)],
    ['HEADERS', headers(1, block)],
    ['PING', ping()],
    ['an acknowledgement of SETTINGS', settingsAck],
  ])('%s before SETTINGS ends it', (_, first) => {
    const scene = new Scene({ isOpen: false });
    scene.say(preface, first);
    expect(scene.hears().at(-1)).toBe(`goAway last 0 code ${errorCode.protocol}`);
  });

  it('a lower stream than before ends it, when it was never open', () => {
    const scene = new Scene();
    scene.ask(5);
    scene.say(headers(3, block));
    expect(scene.hears()).toEqual([`goAway last 5 code ${errorCode.protocol}`]);
  });

  it('HEADERS for a stream that has ended end it', () => {
    const scene = new Scene();
    scene.ask(1, end).stream.sendHeaders(okHead, true);
    scene.say(headers(1, block, end));
    expect(scene.hears().at(-1)).toBe(`goAway last 1 code ${errorCode.streamClosed}`);
  });
});

describe('frames without meaning here', () => {
  it('are ignored: unknown types, priorities, GOAWAY, resets and updates of ended streams', () => {
    const scene = new Scene();
    scene.ask(1, end).stream.sendHeaders(okHead, true);
    scene.heard();
    scene.say(frame(0xbe, 0xff, 1, bytes(30)), frame(0xff, 0, 77), priority(9), windowUpdate(1, 5));
    scene.say(frame(frameType.goAway, 0, 0, bytes(20, 0)), resetStream(1, 8), settingsAck);
    expect(scene.hears()).toEqual([]);
    expect(scene.ask(3, end).calls).toEqual(['end']);
  });

  it('reset their stream where only that is wrong', () => {
    const scene = new Scene();
    scene.ask(1);
    scene.ask(3);
    scene.say(frame(frameType.priority, 0, 1, bytes(4)), windowUpdate(3, 0));
    expect(scene.hears()).toEqual(['resetStream 1 code 6', 'resetStream 3 code 1']);
  });

  it('PING is answered with its eight bytes, also while nothing else can be sent', () => {
    const scene = new Scene();
    scene.say(ping(0, Buffer.from('12345678')));
    const [answer] = scene.heard();
    expect(told(answer)).toBe('ping ack');
    expect(answer.content.toString()).toBe('12345678');
  });
});

describe('windows that we announce', () => {
  const small = { streamWindowBytes: 70_000, connectionWindowBytes: 80_000 };

  it('are sent in the first turn', () => {
    const scene = new Scene({ limits: small, isOpen: false });
    const [first, second] = scene.heard();
    expect(told(first)).toBe('settings');
    expect(first.content.toString('hex')).toContain(`0004${(70_000).toString(16).padStart(8, '0')}`);
    expect(told(second)).toBe(`windowUpdate 0 ${80_000 - 65_535}`);
  });

  it('of a stream end it alone when they are overrun', () => {
    const scene = new Scene({ limits: { ...small, connectionWindowBytes: 200_000 } });
    const { calls } = scene.ask(1);
    for (let i = 0; i < 4; i++) scene.say(data(1, bytes(16_384)));
    scene.say(data(1, bytes(70_000 - 4 * 16_384)));
    expect(scene.connection.streams.get(1)?.receiveWindow).toBe(0);
    scene.say(data(1, bytes(1)));
    expect(calls.at(-1)).toBe('closed');
    expect(scene.hears()).toContain(`resetStream 1 code ${errorCode.flowControl}`);
  });

  it('of the connection end it when they are overrun', () => {
    const scene = new Scene({ limits: small, takesAtOnce: false });
    scene.ask(1);
    scene.ask(3);
    for (let i = 0; i < 4; i++) scene.say(data(1, bytes(16_384)));
    scene.say(data(3, bytes(80_000 - 4 * 16_384)));
    expect(scene.hears()).toEqual([]);
    scene.say(data(3, bytes(1)));
    expect(scene.hears()).toEqual([`goAway last 3 code ${errorCode.flowControl}`]);
  });

  it('of the connection open again when a quarter has come together', () => {
    const scene = new Scene({ limits: small });
    scene.ask(1);
    scene.say(data(1, bytes(16_384)));
    expect(scene.hears()).toEqual([]);
    scene.say(data(1, bytes(3615)));
    expect(scene.hears()).toEqual([]);
    scene.say(data(1, bytes(1)));
    expect(scene.hears()).toEqual(['windowUpdate 0 20000']);
  });

  it('of the connection stay closed for bytes that a handler has not taken', () => {
    const scene = new Scene({ limits: small, takesAtOnce: false });
    const { stream } = scene.ask(1);
    for (let i = 0; i < 4; i++) scene.say(data(1, bytes(16_384)));
    expect(scene.hears()).toEqual([]);
    stream.take(65_536);
    expect(scene.hears()).toEqual(['windowUpdate 0 65536']);
  });

  it('count padding, which is given back at once', () => {
    const scene = new Scene({ limits: { ...small, connectionWindowBytes: 65_536 }, takesAtOnce: false });
    const { calls } = scene.ask(1);
    for (let i = 0; i < 64; i++) scene.say(padded(1, bytes(0), 255));
    expect(calls).toEqual([]);
    expect(scene.hears()).toEqual(['windowUpdate 0 16384']);
    expect(scene.connection.streams.get(1)?.receiveWindow).toBe(70_000 - 64 * 256);
  });

  it('of a stream open by grant and replenish, by as much as is missing and only when it is worth a frame', () => {
    const scene = new Scene({ limits: small });
    const { stream } = scene.ask(1);
    stream.grant(70_000);
    stream.replenish(0);
    expect(scene.hears()).toEqual([]);
    stream.grant(100_000);
    expect(scene.hears()).toEqual(['windowUpdate 1 30000']);
    for (let i = 0; i < 4; i++) scene.say(data(1, bytes(16_384)));
    scene.heard();
    stream.replenish(5000);
    expect(scene.hears()).toEqual([]);
    scene.say(data(1, bytes(4464)));
    stream.replenish(5000);
    expect(stream.receiveWindow).toBe(65_000);
    expect(scene.hears()).toEqual(['windowUpdate 1 35000']);
    scene.say(data(1, bytes(1), end));
    stream.grant(1_000_000);
    expect(scene.hears()).toEqual([]);
  });

  it('of a stream open once for a message, however its frames are cut', () => {
    const scene = new Scene({ limits: { ...small, streamWindowBytes: 70_000 } });
    const { stream } = scene.ask(1);
    const frames = Buffer.concat(Array.from({ length: 20 }, (_, i) => data(1, bytes(16_384), i === 19 ? end : 0)));
    let missing = 20 * 16_384;
    for (let at = 0; at < frames.length; at += 20_000) {
      const before = stream.receivedBytes;
      scene.say(frames.subarray(at, at + 20_000));
      missing -= stream.receivedBytes - before;
      if (missing > 0) stream.grant(missing);
    }
    expect(stream.receivedBytes).toBe(20 * 16_384);
    expect(scene.hears().filter((each) => each.startsWith('windowUpdate 1'))).toEqual(['windowUpdate 1 257680']);
  });

  it('reopen completely after content that is dropped', () => {
    const scene = new Scene({ limits: small });
    const { stream } = scene.ask(1);
    scene.ask(3, end);
    stream.reset(errorCode.cancel);
    scene.heard();
    let given = 0;
    for (let i = 0; i < 100; i++) {
      scene.say(data(1, bytes(16_384)), padded(1, bytes(10), 100));
      for (const { content } of scene.heard()) given += content.readUInt32BE(0);
    }
    expect(100 * (16_384 + 111) - given).toBeLessThan(20_000);
  });
});

describe('memory for messages that are put together', () => {
  it('is lent up to the limit, but always to one', () => {
    const { intake } = new Scene({ limits: { maxAssembledBytes: 1000 } }).connection;
    expect(intake.tryAssemble(5000)).toBe(true);
    expect(intake.tryAssemble(1)).toBe(false);
    intake.releaseAssembly(5000);
    expect(intake.tryAssemble(600)).toBe(true);
    expect(intake.tryAssemble(400)).toBe(true);
    expect(intake.tryAssemble(1)).toBe(false);
    expect(intake.assembledBytes).toBe(1000);
  });
});

describe('a handler', () => {
  it('that throws unexpectedly ends only its connection, and the exception is reported', () => {
    const bug = new TypeError('not a function');
    const scene = new Scene({
      onRequest: () => {
        throw bug;
      },
    });
    const { calls } = scene.ask(1, end);
    expect(scene.unexpected).toEqual([bug]);
    expect(calls).toEqual(['closed']);
    expect(scene.hears()).toEqual([`goAway last 1 code ${errorCode.internal}`]);
  });

  it('that ends the connection hears of no more requests, not even of those in the same read', () => {
    const scene = new Scene({
      onRequest: ({ stream }) => stream.connection.fail(new ConnectionError(errorCode.internal, 'broken')),
    });
    scene.say(headers(1, block, end), headers(3, block, end));
    expect(scene.requests).toHaveLength(1);
    expect(scene.connection.streams.size).toBe(0);
  });

  it('that answers within the request leaves nothing behind', () => {
    const scene = new Scene({
      onRequest: ({ stream }) => {
        stream.sendHeaders(okHead, false);
        stream.sendTrailers(someTrailers);
      },
    });
    const { calls } = scene.ask(1, end);
    expect(calls).toEqual([]);
    expect(scene.hears()).toEqual(['headers 1', 'headers 1 end']);
    expect(scene.connection.streams.size).toBe(0);
  });
});

describe('header compression', () => {
  it('survives a table that the peer shrinks and grows within one SETTINGS frame', () => {
    const scene = new Scene();
    const repeated = [...okHead, new HeaderField('x-long-name', 'x-long-value', false, 'incremental')];
    scene.ask(1, end).stream.sendHeaders(repeated, true);
    scene.heard();
    scene.say(settings([setting.headerTableSize, 0], [setting.headerTableSize, 4096]));
    scene.ask(3, end).stream.sendHeaders(repeated, true);
    const answer = scene.heard().find(({ type }) => type === frameType.headers);
    // RFC 7541, section 4.2: the smallest size has to be signalled, since the peer has emptied its table.
    expect(answer?.content[0]).toBe(0x20);
  });
});
