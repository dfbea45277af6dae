import { describe, expect, it } from 'vitest';
import { chunkedHead, get, post, type RecordedRequest, Scene } from './scene.ts';

const limits = { headTimeoutMs: 10_000, requestTimeoutMs: 30_000, idleTimeoutMs: 20_000, stallTimeoutMs: 15_000 };
const sceneOf = (onRequest?: (request: RecordedRequest) => void): Scene =>
  new Scene(onRequest === undefined ? { limits } : { limits, onRequest });
const answers = (request: RecordedRequest): void => request.answer('ok');

const lateHead = '408 the head of the request did not arrive in time';
const lateBody = '408 the body of the request did not arrive in time';

describe('a head', () => {
  it('has its time, however often a byte of it comes', () => {
    const scene = sceneOf();
    scene.say('GET / HTTP/1.1\r\nX: ');
    for (let i = 0; i < 10; i++) {
      scene.wait(1000);
      scene.say('a');
    }
    expect(scene.refusals).toEqual([]);
    scene.wait(1000);
    expect([scene.refusals, scene.hears(), scene.socket.isEnded]).toEqual([[lateHead], ['408 refused close'], true]);
  });

  it('has its time again after each request', () => {
    const scene = sceneOf(answers);
    for (let i = 0; i < 5; i++) {
      scene.say('GET / HT');
      scene.wait(9000);
      scene.say('TP/1.1\r\nHost: x\r\n\r\n');
    }
    expect([scene.refusals, scene.hears().length]).toEqual([[], 5]);
  });

  it('has the same time when others wait for their answers', () => {
    const scene = sceneOf();
    scene.say(`${get('/a')}GET`);
    scene.wait(11_000);
    expect(scene.refusals).toEqual([lateHead]);
    scene.requests[0].answer('a');
    expect(scene.hears()).toEqual(['200 a', '408 refused close']);
  });

  it('is not late while the server itself does not read', () => {
    const scene = new Scene({ limits: { ...limits, maxUnsentBytes: 100 }, onRequest: answers });
    scene.socket.isSlow = true;
    scene.say(`${get('/a')}GET /b`);
    scene.turn.end();
    scene.say(' HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(scene.socket.isPaused()).toBe(true);
    for (let i = 0; i < 6; i++) {
      scene.wait(3000);
      // The client reads, but what it reads is not the last.
      scene.socket.write(Buffer.alloc(10));
    }
    expect([scene.refusals, scene.socket.destroyed]).toEqual([[], false]);
    scene.socket.isSlow = false;
    scene.socket.takeAll();
    scene.connection.drained();
    scene.readTurn.endTurn();
    expect(scene.targets).toEqual(['/a', '/b']);
  });
});

describe('a body', () => {
  it.each([
    ['announced', post('/', 'x'.repeat(100)).slice(0, -100), 'x'],
    ['in chunks', chunkedHead('/'), '1\r\nx\r\n'],
  ])('%s has its time from the beginning of its head', (_, head, piece) => {
    const scene = sceneOf();
    scene.say(head.slice(0, 5));
    scene.wait(6000);
    scene.say(head.slice(5));
    for (let i = 0; i < 24; i++) {
      scene.wait(1000);
      scene.say(piece);
    }
    expect(scene.refusals).toEqual([]);
    scene.wait(1000);
    expect([scene.refusals, scene.hears(), scene.socket.isEnded]).toEqual([[lateBody], ['408 refused close'], true]);
  });

  it('that was answered and does not come ends the connection without a word', () => {
    const scene = sceneOf();
    scene.say(post('/', 'hello').slice(0, -1));
    scene.requests[0].answer('early');
    expect(scene.hears()).toEqual(['200 early']);
    scene.wait(31_000);
    expect([scene.heard(), scene.socket.isEnded, scene.refusals]).toEqual(['', true, []]);
  });
});

describe('a connection without a request', () => {
  it('is closed after its time', () => {
    const scene = sceneOf();
    scene.wait(19_000);
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(1000);
    expect([scene.socket.destroyed, scene.heard()]).toEqual([true, '']);
  });

  it('has its time again after each', () => {
    const scene = sceneOf(answers);
    for (let i = 0; i < 3; i++) {
      scene.wait(18_000);
      scene.say(get('/'));
    }
    scene.wait(20_000);
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(1000);
    expect(scene.socket.destroyed).toBe(true);
  });

  it('wins no time by empty lines', () => {
    const scene = sceneOf();
    for (let i = 0; i < 20; i++) {
      scene.wait(1000);
      scene.say('\r\n');
    }
    expect(scene.socket.destroyed).toBe(true);
  });
});

describe('a request', () => {
  it('may wait for its answer for ever, and then the connection has its time', () => {
    const scene = sceneOf();
    scene.say(get('/'));
    scene.wait(1_000_000);
    scene.requests[0].answer('late');
    expect([scene.hears(), scene.socket.destroyed]).toEqual([['200 late'], false]);
    scene.wait(19_000);
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(1000);
    expect(scene.socket.destroyed).toBe(true);
  });
});

describe('a client that does not read', () => {
  it('is cut off after its time', async () => {
    const scene = sceneOf(answers);
    scene.socket.isSlow = true;
    scene.say(get('/'));
    scene.turn.end();
    scene.wait(1000);
    scene.wait(14_000);
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(1000);
    expect(scene.socket.destroyed).toBe(true);
    await new Promise(setImmediate);
    expect(scene.requests[0].releases).toBe(1);
  });

  it('is cut off behind its last answer too', () => {
    const scene = sceneOf(answers);
    scene.socket.isSlow = true;
    scene.say(get('/', 'Connection: close\r\n'));
    scene.wait(15_000);
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(1000);
    expect(scene.socket.destroyed).toBe(true);
  });

  it('is not, as long as it takes some of the waiting bytes', () => {
    const scene = sceneOf((request) => request.answer('', [Buffer.alloc(30_000)]));
    const handle = { writeQueueSize: 1_000_000 };
    Object.assign(scene.socket, { _handle: handle });
    scene.socket.isSlow = true;
    scene.say(get('/'));
    scene.turn.end();
    for (let i = 0; i < 60; i++) {
      scene.wait(1000);
      handle.writeQueueSize -= 10_000;
    }
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(16_000);
    expect(scene.socket.destroyed).toBe(true);
  });
});

describe('the end', () => {
  it('leaves the client a second to read it, and drops further bytes', () => {
    const scene = sceneOf();
    scene.say('NONSENSE\n');
    expect(scene.hears()).toEqual(['400 refused close']);
    scene.wait(1000);
    scene.say(get('/a'));
    expect([scene.socket.destroyed, scene.requests]).toEqual([false, []]);
    scene.wait(1000);
    expect(scene.socket.destroyed).toBe(true);
  });

  it.each([
    ['has all its time for an answer that it does not read', false, 15_000],
    ['has less time for it while memory is short', true, 5000],
  ])('%s', (_what, isMemoryShort, timeMs) => {
    const scene = sceneOf(answers);
    scene.isMemoryShort = isMemoryShort;
    scene.socket.isSlow = true;
    scene.say(get('/'));
    scene.heard();
    scene.wait(timeMs - 2000);
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(4000);
    expect(scene.socket.destroyed).toBe(true);
  });

  it('begins that second when the last answer has left', () => {
    const scene = sceneOf(answers);
    scene.socket.isSlow = true;
    scene.say(get('/', 'Connection: close\r\n'));
    scene.wait(10_000);
    scene.socket.takeAll();
    scene.wait(0);
    expect(scene.socket.destroyed).toBe(false);
    scene.wait(1000);
    expect(scene.socket.destroyed).toBe(true);
  });
});
