/** Changes of the low-water mark, with fake descriptors and a fake clock. */

import type { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  patienceMs,
  ReceiveLowWater,
  type SocketMark,
  wantedBytes,
  worthwhileBytes,
} from '../../src/sockets/receive-low-water.ts';
import { FakeClock } from '../fakes/fake-clock.ts';

let clock: FakeClock;
/** `descriptor:bytes` for each call, in order. */
let asked: string[];
let marks: ReceiveLowWater;

beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  marks = new ReceiveLowWater((fd, bytes) => asked.push(`${fd}:${bytes}`), clock);
});

const markOf = (fd: number): SocketMark => marks.markOf({ _handle: { fd } } as unknown as Socket);

/** What was asked since the last time. */
const news = (): string[] => asked.splice(0);

/** Time passes, and the sockets that are ready in the end have been read. */
async function wait(ms: number): Promise<void> {
  clock.advance(ms);
  await new Promise(setImmediate);
}

describe('the mark of a socket', () => {
  it('is raised once for a large message, then lowered to the missing bytes, and falls with its last byte', () => {
    const mark = markOf(7);
    mark.read(600_000);
    mark.read(400_000);
    expect(news()).toEqual([`7:${wantedBytes}`]);
    mark.read(100_000);
    mark.read(1000);
    expect(news()).toEqual(['7:100000', '7:1000']);
    mark.read(0);
    expect(news()).toEqual(['7:1']);
    mark.read(0);
    expect(news()).toEqual([]);
  });

  it('never asks for more than is known to come', () => {
    const mark = markOf(7);
    for (let missing = 1_000_000; missing > 0; missing -= 37_000) {
      mark.read(missing);
      const [bytes = '1'] = asked.slice(-1).map((call) => call.split(':')[1]);
      expect(Number(bytes)).toBeLessThanOrEqual(missing);
    }
  });

  it('stays down for little', () => {
    const mark = markOf(7);
    mark.read(worthwhileBytes - 1);
    expect(news()).toEqual([]);
    mark.read(worthwhileBytes);
    expect(news()).toEqual([`7:${worthwhileBytes}`]);
  });

  it('falls when nothing was read for a moment, and stays down for the rest of the message', async () => {
    const mark = markOf(7);
    mark.read(600_000);
    await wait(patienceMs);
    expect(news()).toEqual([`7:${wantedBytes}`]);
    await wait(patienceMs);
    expect(news()).toEqual(['7:1']);
    mark.read(500_000);
    expect(news()).toEqual([]);
    mark.read(0);
    mark.read(300_000);
    expect(news()).toEqual([`7:${wantedBytes}`]);
  });

  it('is raised again when another message begins behind a slow one', async () => {
    const mark = markOf(7);
    mark.read(600_000);
    await wait(patienceMs);
    await wait(patienceMs);
    news();
    mark.read(500_000);
    mark.read(1_100_000);
    expect(news()).toEqual([`7:${wantedBytes}`]);
  });

  it('stays up as long as something is read in time', async () => {
    const mark = markOf(7);
    for (let missing = 3_000_000; missing > 1_000_000; missing -= 100_000) {
      mark.read(missing);
      await wait(patienceMs);
    }
    expect(news()).toEqual([`7:${wantedBytes}`]);
  });

  it('is not touched once the socket is closed: its number may be another one’s', async () => {
    const socket = { _handle: { fd: 7 } as { fd: number } | null };
    const mark = marks.markOf(socket as unknown as Socket);
    mark.read(600_000);
    news();
    socket._handle = null;
    mark.read(0);
    await wait(patienceMs);
    await wait(patienceMs);
    await wait(patienceMs);
    expect(news()).toEqual([]);
    expect(clock.waitingCount).toBe(0);
  });

  it('needs a timer only while one is up', async () => {
    const [one, other] = [markOf(7), markOf(8)];
    expect(clock.waitingCount).toBe(0);
    one.read(600_000);
    other.read(600_000);
    expect(clock.waitingCount).toBe(1);
    one.read(0);
    other.read(0);
    await wait(patienceMs);
    expect(clock.waitingCount).toBe(0);
    one.read(600_000);
    expect(clock.waitingCount).toBe(1);
  });
});
