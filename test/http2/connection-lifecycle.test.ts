import { describe, expect, it } from 'vitest';
import type { Http2Limits } from '../../src/http2/limits.ts';
import {
  data,
  errorCode,
  frame,
  frameFlag,
  frameType,
  headers,
  ping,
  preface,
  setting,
  settings,
} from './frame-bytes.ts';
import { block, okHead, Scene } from './scene.ts';

const end = frameFlag.endStream;
const maxId = 2 ** 31 - 1;
const pong = ping(frameFlag.ack);
const first = `goAway last ${maxId} code 0`;

const sceneOf = (limits: Partial<Http2Limits>, isOpen = true) => new Scene({ limits, isOpen });

describe('going away', () => {
  it('takes two steps: streams that cross the first are served, and the last says which they were', () => {
    const scene = new Scene();
    const open = scene.ask(1, end);
    scene.connection.lifecycle.goAway(scene.clock.now());
    expect(scene.hears()).toEqual([first, 'ping']);
    const crossing = scene.ask(3, end);
    scene.say(pong);
    expect(scene.hears()).toEqual(['goAway last 3 code 0']);
    open.stream.sendHeaders(okHead, true);
    expect(scene.socket.isEnded).toBe(false);
    crossing.stream.sendHeaders(okHead, true);
    expect(scene.hears()).toEqual(['headers 1 end', 'headers 3 end']);
    expect(scene.socket.isEnded).toBe(true);
  });

  it('of an idle connection ends it when the peer has read that', () => {
    const scene = new Scene();
    scene.connection.lifecycle.goAway(scene.clock.now());
    scene.connection.lifecycle.goAway(scene.clock.now());
    expect(scene.hears()).toEqual([first, 'ping']);
    scene.say(pong);
    expect(scene.hears()).toEqual(['goAway last 0 code 0']);
    expect(scene.socket.isEnded).toBe(true);
  });

  it('goes on after a second with a peer that answers no PING', () => {
    const scene = new Scene();
    scene.ask(1, end);
    scene.connection.lifecycle.goAway(scene.clock.now());
    scene.heard();
    scene.wait(1000);
    expect(scene.hears()).toEqual(['goAway last 1 code 0']);
    scene.wait(60_000);
    expect(scene.socket.isEnded).toBe(false);
  });

  it('ignores a request that comes too late, with all its frames, and serves those that were taken', () => {
    const scene = new Scene();
    const taken = scene.ask(1);
    scene.connection.lifecycle.goAway(scene.clock.now());
    scene.say(pong);
    scene.heard();
    scene.say(headers(3, block), data(3, Buffer.alloc(5), end), data(1, Buffer.alloc(5), end));
    expect(scene.requests).toHaveLength(1);
    expect(scene.hears()).toEqual([]);
    expect(taken.calls).toEqual(['data 5', 'end']);
    taken.stream.sendHeaders(okHead, true);
    expect(scene.hears()).toEqual(['headers 1 end']);
  });

  it('never raises the last stream that it named', () => {
    const scene = new Scene();
    scene.ask(1);
    scene.connection.lifecycle.goAway(scene.clock.now());
    scene.say(pong, headers(3, block, end), ping(0, Buffer.alloc(7)));
    expect(scene.hears().at(-1)).toBe(`goAway last 1 code ${errorCode.frameSize}`);
  });

  it('tells the peer of the reset of its last stream', () => {
    const scene = new Scene();
    const { stream } = scene.ask(1);
    scene.connection.lifecycle.goAway(scene.clock.now());
    scene.say(pong);
    scene.heard();
    stream.reset(errorCode.cancel);
    expect(scene.hears()).toEqual([`resetStream 1 code ${errorCode.cancel}`]);
  });

  it('tells a peer that still sends that its last stream was answered early', () => {
    const scene = new Scene();
    const { stream } = scene.ask(1);
    scene.connection.lifecycle.goAway(scene.clock.now());
    scene.say(pong);
    scene.heard();
    stream.sendHeaders(okHead, true);
    expect(scene.hears()).toEqual(['headers 1 end', 'resetStream 1 code 0']);
  });

  it('leaves the peer a second to read the end', () => {
    const scene = new Scene();
    scene.wait(1000);
    scene.clock.advance(990);
    scene.say(frame(frameType.ping, 0, 0, Buffer.alloc(7)));
    scene.heard();
    scene.wait(10);
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(1990);
    expect(scene.socket.destroyed).toBe(true);
  });

  it('does not cut off a last answer that is still being read', () => {
    const scene = new Scene({ settings: [[setting.initialWindowSize, 2 ** 30]] });
    scene.wait(1000);
    const { stream } = scene.ask(1, end);
    scene.connection.lifecycle.goAway(scene.clock.now());
    scene.say(pong);
    scene.heard();
    scene.socket.isSlow = true;
    stream.sendHeaders(okHead, false);
    stream.sendLastData(Buffer.alloc(60_000));
    scene.heard();
    scene.wait(3000);
    expect(scene.socket.destroyed).toBe(false);
    scene.socket.isSlow = false;
    scene.socket.takeAll();
    expect(scene.heard().reduce((sum, { type, content }) => sum + (type === 0 ? content.length : 0), 0)).toBe(60_000);
  });
});

describe('a handshake', () => {
  it.each<readonly [string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['half of the preface', preface.subarray(0, 12)],
    ['the preface and no SETTINGS', preface],
  ])('that stops after %s is ended after its time', (_, bytes) => {
    const scene = sceneOf({ handshakeTimeoutMs: 8000 }, false);
    scene.say(bytes);
    scene.heard();
    scene.wait(7000);
    expect(scene.hears()).toEqual([]);
    scene.wait(1000);
    expect(scene.hears()).toEqual(['goAway last 0 code 1']);
    scene.wait(2000);
    expect(scene.socket.destroyed).toBe(true);
  });

  it('that is complete in time is never looked at again', () => {
    const scene = new Scene();
    scene.wait(600_000);
    expect(scene.hears()).toEqual([]);
  });
});

describe('a header block', () => {
  it('that is not complete in time ends the connection', () => {
    const scene = sceneOf({ handshakeTimeoutMs: 8000 });
    scene.wait(60_000);
    scene.say(frame(frameType.headers, end, 1, block.subarray(0, 5)));
    scene.wait(7000);
    expect(scene.hears()).toEqual([]);
    scene.wait(1000);
    expect(scene.hears()).toEqual(['goAway last 0 code 1']);
  });

  it('that is completed in time is a request', () => {
    const scene = sceneOf({ handshakeTimeoutMs: 8000 });
    scene.say(frame(frameType.headers, end, 1, block.subarray(0, 5)));
    scene.wait(7000);
    scene.say(frame(frameType.continuation, frameFlag.endHeaders, 1, block.subarray(5)));
    scene.wait(60_000);
    expect(scene.requests).toHaveLength(1);
    expect(scene.hears()).toEqual([]);
  });

  it.each([
    ['bytes', { maxHeaderBlockBytes: 1000 }, Buffer.alloc(400), 3],
    ['frames', { maxContinuations: 5 }, Buffer.alloc(0), 6],
  ])('is bounded in %s', (_, limits, part, count) => {
    const scene = sceneOf(limits);
    scene.say(frame(frameType.headers, 0, 1, part));
    for (let i = 2; i < count; i++) scene.say(frame(frameType.continuation, 0, 1, part));
    expect(scene.hears()).toEqual([]);
    scene.say(frame(frameType.continuation, 0, 1, part));
    expect(scene.hears()).toEqual([`goAway last 0 code ${errorCode.enhanceYourCalm}`]);
  });
});

describe('keepalive', () => {
  const limits = { keepaliveTimeMs: 10_000, keepaliveTimeoutMs: 3000 };

  it('pings a silent peer, and closes the connection when no answer comes', () => {
    const scene = sceneOf(limits);
    scene.wait(1000);
    scene.wait(9000);
    expect(scene.hears()).toEqual([]);
    scene.wait(1000);
    expect(scene.hears()).toEqual(['ping']);
    scene.wait(2000);
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(1000);
    expect(scene.socket.destroyed).toBe(true);
  });

  it.each([
    ['the answer', pong],
    ['any other frame', settings()],
    ['a part of a frame', ping().subarray(0, 3)],
  ])('is content with %s', (_, bytes) => {
    const scene = sceneOf(limits);
    scene.wait(11_000);
    expect(scene.hears()).toEqual(['ping']);
    scene.say(bytes);
    scene.wait(8000);
    expect(scene.socket.destroyed).toBe(false);
  });

  it('asks nothing of a peer that talks', () => {
    const scene = sceneOf(limits);
    for (let i = 0; i < 20; i++) {
      scene.say(ping());
      scene.wait(5000);
    }
    expect(scene.hears().filter((frame) => frame === 'ping')).toEqual([]);
  });
});

describe('a socket that takes nothing', () => {
  it('is closed after its time, and not while it takes something now and then', () => {
    const scene = sceneOf({ stallTimeoutMs: 5000 });
    scene.socket.isSlow = true;
    for (let i = 0; i < 10; i++) {
      scene.say(ping());
      scene.heard();
      scene.wait(3000);
      scene.socket.takeAll();
      scene.wait(1000);
    }
    expect(scene.socket.destroyed).toBe(false);
    scene.say(ping());
    scene.heard();
    scene.wait(5000);
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(2000);
    expect(scene.socket.destroyed).toBe(true);
  });

  it('is closed sooner while memory is short', () => {
    const scene = sceneOf({ stallTimeoutMs: 60_000, shortStallTimeoutMs: 5000 });
    scene.socket.isSlow = true;
    scene.say(ping());
    scene.heard();
    scene.wait(20_000);
    expect(scene.socket.destroyed).toBe(false);
    scene.isMemoryShort = true;
    scene.wait(1000);
    expect(scene.socket.destroyed).toBe(true);
  });

  it('keeps a peer that reads while memory is short', () => {
    const scene = sceneOf({ stallTimeoutMs: 60_000, shortStallTimeoutMs: 5000 });
    scene.isMemoryShort = true;
    scene.socket.isSlow = true;
    for (let i = 0; i < 10; i++) {
      scene.say(ping());
      scene.heard();
      scene.wait(3000);
      scene.socket.takeAll();
      scene.wait(1000);
    }
    expect(scene.socket.destroyed).toBe(false);
  });

  it('is not closed while a large write leaves little by little', () => {
    const scene = sceneOf({ stallTimeoutMs: 5000 });
    const handle = { writeQueueSize: 1_000_000 };
    Object.assign(scene.socket, { _handle: handle });
    scene.socket.isSlow = true;
    scene.say(ping());
    scene.heard();
    for (let i = 0; i < 10; i++) {
      scene.wait(3000);
      handle.writeQueueSize -= 10_000;
    }
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(8000);
    expect(scene.socket.destroyed).toBe(true);
  });

  it.each([
    ['PING', ping()],
    ['SETTINGS', settings()],
  ])('does not pile up answers to %s', (_, bytes) => {
    const scene = sceneOf({ idleFrameBurst: 1e6 });
    scene.socket.isSlow = true;
    let count = 0;
    for (; count < 5000 && !scene.connection.lifecycle.isFailed; count++) {
      scene.say(bytes);
      scene.turn.end();
    }
    expect(count).toBeGreaterThan(1000);
    expect(count).toBeLessThan(1010);
  });
});

describe('age', () => {
  it('of a connection is within a tenth of the setting; then GOAWAY is sent', () => {
    for (let i = 0; i < 20; i++) {
      const scene = sceneOf({ maxConnectionAgeMs: 100_000 });
      scene.ask(1);
      scene.wait(89_000);
      expect(scene.hears()).toEqual([]);
      scene.wait(22_000);
      expect(scene.hears().slice(0, 2)).toEqual([first, 'ping']);
    }
  });

  it('gives streams a grace, after which the connection is cut', () => {
    const scene = sceneOf({ maxConnectionAgeMs: 10_000, maxConnectionAgeGraceMs: 5000 });
    scene.ask(1);
    scene.wait(9000);
    scene.wait(2000);
    expect(scene.hears()[0]).toBe(first);
    scene.wait(3000);
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(3000);
    expect(scene.socket.destroyed).toBe(true);
  });

  it('gives streams all the time they need where no grace was set', () => {
    const scene = sceneOf({ maxConnectionAgeMs: 10_000 });
    scene.ask(1);
    scene.wait(12_000);
    scene.say(pong);
    scene.wait(1_000_000);
    expect(scene.socket.destroyed).toBe(false);
  });
});
