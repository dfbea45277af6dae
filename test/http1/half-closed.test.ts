/** Clients that have closed their side of the connection: some wait for their answers, others have left. */

import { describe, expect, it } from 'vitest';
import type { AnswerSource } from '../../src/http1/answer-source.ts';
import { chunkedHead, get, post, type RecordedRequest, Scene } from './scene.ts';

const answers = (request: RecordedRequest): void => request.answer(request.request.head.target);
const answering = (): Scene => new Scene({ onRequest: answers });
const cut = '400 the request is not valid HTTP/1.1: the connection ended within it';
const interim = 'HTTP/1.1 100 Continue\r\n\r\n';

/** Pauses between probes: these, then a second each. */
const pausesMs = [25, 50, 100, 200, 400, 800];

describe('a client that closes its side', () => {
  it('without a request is answered with the end', () => {
    const scene = new Scene();
    scene.connection.ended();
    expect([scene.heard(), scene.socket.isEnded, scene.refusals]).toEqual(['', true, []]);
  });

  it('behind empty lines, or half of one, has sent no request', () => {
    const scene = new Scene();
    scene.say('\r\n\r');
    scene.connection.ended();
    expect([scene.heard(), scene.socket.isEnded, scene.refusals]).toEqual(['', true, []]);
  });

  it('gets the answers to its complete requests in order, then the end', () => {
    const scene = new Scene();
    scene.say(get('/a') + post('/b', 'hello') + get('/c'));
    scene.connection.ended();
    scene.requests[1].answer('b');
    expect([scene.hears(), scene.socket.isEnded]).toEqual([[], false]);
    scene.requests[0].answer('a');
    expect([scene.hears(), scene.socket.isEnded]).toEqual([['200 a', '200 b'], false]);
    scene.requests[2].answer('c');
    expect([scene.hears(), scene.socket.isEnded, scene.refusals]).toEqual([['200 c'], true, []]);
    expect(scene.requests.map(({ calls }) => calls)).toEqual([[], ['data 5', 'end'], []]);
  });

  it('gets the answers to requests that were held back', () => {
    const scene = new Scene({ limits: { maxPipelined: 2 } });
    scene.say(['/a', '/b', '/c', '/d', '/e'].map((target) => get(target)).join(''));
    scene.connection.ended();
    expect(scene.targets).toEqual(['/a', '/b']);
    for (let i = 0; i < 5; i++) {
      scene.requests[i].answer(`${i}`);
      scene.readTurn.endTurn();
    }
    expect([scene.hears(), scene.socket.isEnded]).toEqual([['200 0', '200 1', '200 2', '200 3', '200 4'], true]);
  });

  it('within a request that was held back is told so', () => {
    const scene = new Scene({ limits: { maxPipelined: 1 } });
    scene.say(get('/a') + get('/b') + post('/c', 'hello').slice(0, -1));
    scene.connection.ended();
    scene.requests[0].answer('a');
    scene.readTurn.endTurn();
    scene.requests[1].answer('b');
    scene.readTurn.endTurn();
    expect([scene.hears(), scene.refusals]).toEqual([['200 a', '200 b', '400 refused close'], [cut]]);
    expect(scene.socket.isEnded).toBe(true);
  });

  it('still gets the bytes written in this turn', () => {
    const scene = answering();
    scene.say(get('/a'));
    scene.connection.ended();
    expect([scene.hears(), scene.socket.isEnded]).toEqual([['200 /a'], true]);
  });

  it.each([
    ['a head', 'GET / HT'],
    ['a body', post('/b', 'hello').slice(0, -1)],
    ['a body in chunks', `${chunkedHead('/b')}1\r\na`],
  ])('within %s is told so, behind the answers that are due', (_, text) => {
    const scene = new Scene();
    scene.say(get('/a') + text);
    scene.connection.ended();
    expect([scene.refusals, scene.heard(), scene.socket.isEnded]).toEqual([[cut], '', false]);
    scene.requests[0].answer('a');
    expect([scene.hears(), scene.socket.isEnded]).toEqual([['200 a', '400 refused close'], true]);
  });

  it('within a body that was answered gets the end', () => {
    const scene = new Scene();
    scene.say(post('/b', 'hello').slice(0, -1));
    scene.requests[0].answer('early');
    expect(scene.hears()).toEqual(['200 early']);
    scene.connection.ended();
    expect([scene.heard(), scene.socket.isEnded, scene.refusals]).toEqual(['', true, []]);
  });

  it('of a connection that is to end gets the last answer', () => {
    const scene = new Scene();
    scene.say(get('/a', 'Connection: close\r\n'));
    scene.connection.ended();
    scene.requests[0].answer('a');
    expect([scene.hears(), scene.socket.isEnded]).toEqual([['200 a close'], true]);
  });

  it('of a connection that was refused gets the refusal', () => {
    const scene = new Scene();
    scene.say(`${get('/a')}NONSENSE\n`);
    scene.connection.ended();
    scene.requests[0].answer('a');
    expect([scene.hears(), scene.socket.isEnded]).toEqual([['200 a', '400 refused close'], true]);
  });
});

describe('a client that may have left', () => {
  /** A connection with these requests whose client has closed its side. */
  function halfClosed(...texts: readonly string[]): Scene {
    const scene = new Scene();
    scene.say(texts.join(''));
    scene.connection.ended();
    return scene;
  }

  it('is sent an interim response at growing distances until it has its answer', () => {
    const scene = halfClosed(get('/a'));
    for (const pauseMs of [...pausesMs, 1000, 1000]) {
      scene.clock.advance(pauseMs - 1);
      expect(scene.heard()).toBe('');
      scene.clock.advance(1);
      expect(scene.heard()).toBe(interim);
    }
    scene.requests[0].answer('a');
    expect([scene.hears(), scene.socket.isEnded, scene.clock.waitingCount]).toEqual([['200 a'], true, 0]);
  });

  it('has left when the connection is reset, and its requests are cancelled', async () => {
    const scene = halfClosed(get('/a'), get('/b'));
    scene.requests[1].answer('b');
    scene.clock.advance(25);
    scene.socket.destroy();
    await new Promise(setImmediate);
    expect(scene.requests.map(({ calls }) => calls)).toEqual([['gone'], []]);
    expect([scene.requests[1].releases, scene.clock.waitingCount]).toEqual([1, 0]);
  });

  it('is not asked for requests that go on anyway', () => {
    const scene = halfClosed(get('/a'), get('/b'));
    for (const request of scene.requests) request.endsWhenLost = false;
    scene.clock.advance(10_000);
    expect(scene.heard()).toBe('');
    scene.requests[1].endsWhenLost = true;
    scene.clock.advance(1000);
    expect(scene.heard()).toBe(interim);
  });

  it('is not asked in HTTP/1.0, which has no interim responses', () => {
    const scene = halfClosed('GET /a HTTP/1.0\r\n\r\n');
    scene.clock.advance(10_000);
    expect(scene.heard()).toBe('');
    scene.requests[0].answer('a');
    expect(scene.hears()).toEqual(['200 a close']);
  });

  it('is not asked within an answer, nor while it does not read', () => {
    const scene = halfClosed(get('/a'), get('/b'), get('/c'));
    const later: AnswerSource = { next: () => 'later', done: () => undefined };
    scene.requests[0].request.respondInPieces(200, [], later);
    expect(scene.heard()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n$/);
    scene.clock.advance(10_000);
    expect(scene.heard()).toBe('');
    const deaf = halfClosed(get('/a'), get('/b'));
    deaf.socket.isSlow = true;
    deaf.requests[0].answer('a');
    deaf.turn.end();
    deaf.clock.advance(10_000);
    deaf.turn.end();
    deaf.socket.takeAll();
    expect(deaf.hears()).toEqual(['200 a']);
  });
});
