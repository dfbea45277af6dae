/** Costly requests of one read: how many are taken in a turn, and what becomes of the others. */

import { describe, expect, it } from 'vitest';
import { mostShareMs, stepsPerLook } from '../../src/sockets/read-turn.ts';
import { chunkedHead, get, post, Scene } from './scene.ts';

/** A server that works for so long on each request, and answers at once where there is no body. */
function busyScene(ms: number): Scene {
  const scene: Scene = new Scene({
    onRequest(each) {
      scene.clock.advance(ms);
      if (each.request.head.bodyBytes === 0) each.answer(each.request.head.target);
    },
  });
  return scene;
}

const targets = (count: number): string[] => Array.from({ length: count }, (_, i) => `/${i}`);

describe('requests of one read', () => {
  it('are taken in shares, a few in each turn and in their order', () => {
    const scene = busyScene(mostShareMs / stepsPerLook);
    scene.say(
      targets(5 * stepsPerLook)
        .map((target) => get(target))
        .join(''),
    );
    const begun = scene.readTurn.untilRead(scene.socket, () => scene.requests.length);
    expect(begun).toEqual([1, 2, 3, 4].map((turn) => turn * stepsPerLook));
    expect(scene.hears()).toEqual(targets(40).map((target) => `200 ${target}`));
    expect([scene.waitingBytes, scene.connection.isIdle]).toEqual([0, true]);
  });

  it('are all taken at once when they cost little', () => {
    const scene = busyScene(0);
    scene.say(get('/').repeat(1000));
    expect([scene.requests.length, scene.readTurn.isAwaited]).toEqual([1000, false]);
  });

  it('that wait are not lost when the client closes its side meanwhile', () => {
    const scene = busyScene(mostShareMs);
    scene.say(get('/').repeat(2 * stepsPerLook) + post('/cut', 'hello').slice(0, -1));
    scene.connection.ended();
    for (let i = 0; i < 3; i++) scene.endTurn();
    expect(scene.refusals).toEqual(['400 the request is not valid HTTP/1.1: the connection ended within it']);
    expect(scene.requests).toHaveLength(2 * stepsPerLook + 1);
  });

  it('behind one that ends the connection are dropped in whatever turn they are', () => {
    const scene = busyScene(mostShareMs);
    const last = get('/last', 'Connection: close\r\n');
    scene.say(get('/').repeat(stepsPerLook) + last + get('/').repeat(10));
    scene.endTurn();
    expect([scene.requests.length, scene.hears().at(-1)]).toEqual([stepsPerLook + 1, '200 /last close']);
    expect([scene.waitingBytes, scene.socket.isPaused()]).toEqual([0, false]);
  });
});

it('small chunks of a body are taken in shares', () => {
  const scene = busyScene(0);
  const chunk = '1\r\na\r\n';
  const count = 100_000;
  let pieces = 0;
  const mostMs = mostShareMs / 5000;
  scene.say(chunkedHead('/a'));
  const [request] = scene.requests;
  request.onData = () => {
    pieces++;
    scene.clock.advance(mostMs);
  };
  scene.say(`${chunk.repeat(count)}0\r\n\r\n`);
  const first = pieces;
  expect(first).toBeLessThan(count / 2);
  for (let turns = 0; turns < 20 && scene.socket.isPaused(); turns++) scene.readTurn.endTurn();
  expect([pieces, request.calls]).toEqual([count, ['end']]);
});
