/** Costly frames of one read: how many are taken in a turn, and what becomes of the others. */

import { describe, expect, it } from 'vitest';
import { mostShareMs, stepsPerLook } from '../../src/sockets/read-turn.ts';
import { data, errorCode, frameFlag, headers, ping, resetStream } from './frame-bytes.ts';
import { block, Scene } from './scene.ts';

const end = frameFlag.endStream;
const idOf = (i: number): number => 2 * i + 1;

/** A server that works for so long on each request. */
function busyScene(ms: number, limits = {}): Scene {
  const scene: Scene = new Scene({ limits, onRequest: () => scene.clock.advance(ms) });
  return scene;
}

const calls = (count: number) => Array.from({ length: count }, (_, i) => headers(idOf(i), block, end));

describe('frames of one read', () => {
  it('are taken in shares, a few in each turn and in their order', () => {
    const scene = busyScene(mostShareMs / stepsPerLook);
    scene.say(...calls(5 * stepsPerLook));
    const begun = scene.readTurn.untilRead(scene.socket, () => scene.requests.length);
    expect(begun).toEqual([1, 2, 3, 4].map((turn) => turn * stepsPerLook));
    expect(scene.requests.map(({ stream }) => stream.id)).toEqual(Array.from({ length: 40 }, (_, i) => idOf(i)));
    expect(scene.requests.every((request) => request.calls.join() === 'end')).toBe(true);
    expect(scene.waitingBytes).toBe(0);
  });

  it('are all taken at once when they cost little', () => {
    const scene = busyScene(0);
    scene.say(...calls(900));
    expect([scene.requests.length, scene.readTurn.isAwaited]).toEqual([900, false]);
  });

  it('that wait are counted, and are dropped with the connection', () => {
    const scene = busyScene(mostShareMs);
    const all = calls(3 * stepsPerLook);
    scene.say(...all);
    expect(scene.waitingBytes).toBe((2 * Buffer.concat(all).length) / 3);
    scene.connection.lost();
    expect([scene.waitingBytes, scene.closedAccounts]).toEqual([0, 1]);
    scene.readTurn.endTurn();
    expect(scene.requests).toHaveLength(stepsPerLook);
  });

  it('may be cut anywhere: content that waits belongs to its request', () => {
    const scene = busyScene(mostShareMs);
    const message = Buffer.from('a message of some length');
    scene.say(...calls(stepsPerLook - 1), headers(101, block), data(101, message.subarray(0, 5)));
    scene.say(data(101, message.subarray(5), end));
    expect(scene.requests.at(-1)?.calls).toEqual([]);
    scene.readTurn.endTurn();
    expect(scene.requests.at(-1)?.calls).toEqual(['data 5', `data ${message.length - 5}`, 'end']);
    expect(scene.requests.at(-1)?.content.equals(message)).toBe(true);
  });

  it('that break a rule in a later turn end the connection there, and nothing behind them is taken', () => {
    const scene = busyScene(mostShareMs, { resetBurst: 4 });
    const reset = (i: number) => [headers(idOf(i), block), resetStream(idOf(i), errorCode.cancel)];
    scene.say(...Array.from({ length: 20 }, (_, i) => reset(i)).flat());
    expect(scene.requests).toHaveLength(stepsPerLook / 2);
    scene.readTurn.endTurn();
    expect(scene.hears().at(-1)).toBe(`goAway last ${idOf(4)} code ${errorCode.enhanceYourCalm}`);
    expect(scene.waitingBytes).toBe(0);
  });

  it('wait while the peer does not read its answers', () => {
    const scene = busyScene(mostShareMs, { maxUnsentBytes: 10 });
    scene.socket.isSlow = true;
    scene.say(...calls(stepsPerLook), ping());
    scene.turn.end();
    scene.socket.write(Buffer.alloc(100));
    scene.readTurn.endTurn();
    expect([scene.hears(), scene.socket.isPaused()]).toEqual([[], true]);
    scene.readTurn.endTurn();
    scene.socket.isSlow = false;
    scene.socket.takeAll();
    scene.connection.drained();
    scene.readTurn.endTurn();
    expect(scene.socket.isPaused()).toBe(false);
  });
});
