import { beforeEach, describe, expect, it } from 'vitest';
import { smallReadMs, turnMs } from '../../src/sockets/read-turn.ts';
import { SocketReading } from '../../src/sockets/socket-reading.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { HeldReadTurn } from './held-read-turn.ts';
import { MemorySocket } from './memory-socket.ts';

let clock: FakeClock;
let turn: HeldReadTurn;
let socket: MemorySocket;
let text: string;
let counted: number;
/** How many bytes are taken at most, each time. */
let most: number;
let onRead: () => void;
let reading: SocketReading;

beforeEach(() => {
  clock = new FakeClock();
  turn = new HeldReadTurn(clock);
  socket = new MemorySocket();
  socket.on('data', () => undefined);
  text = '';
  counted = 0;
  most = 3;
  onRead = () => undefined;
  const reader = {
    read(bytes: Buffer, from: number, end: number) {
      const to = Math.min(end, from + most);
      text += bytes.toString('latin1', from, to);
      onRead();
      return to;
    },
  };
  reading = new SocketReading(socket, turn, reader, (bytes) => {
    counted += bytes;
  });
});

/** In a buffer that is overwritten behind it. */
function take(bytes: string): void {
  const buffer = Buffer.from(`#${bytes}#`);
  reading.take(buffer, 1, buffer.length - 1);
  buffer.fill('!');
}

describe('SocketReading', () => {
  it('gives what its reader leaves again in later turns, and reads nothing before', () => {
    take('abcdefgh');
    expect([text, socket.isPaused(), reading.hasRest, counted]).toEqual(['abc', true, true, 5]);
    turn.endTurn();
    expect([text, socket.isPaused(), reading.hasRest]).toEqual(['abcdef', true, true]);
    turn.endTurn();
    expect([text, socket.isPaused(), reading.hasRest, counted]).toEqual(['abcdefgh', false, false, 0]);
    expect(turn.isAwaited).toBe(false);
    take('ij');
    expect([text, socket.isPaused()]).toEqual(['abcdefghij', false]);
  });

  it('gives nothing in a turn whose time is used', () => {
    most = 100;
    onRead = () => clock.advance(turnMs + smallReadMs);
    take('ab');
    take('cd');
    expect([text, socket.isPaused()]).toEqual(['ab', true]);
    turn.endTurn();
    expect([text, socket.isPaused()]).toEqual(['abcd', false]);
  });

  it('gives nothing while its reader has paused it', () => {
    onRead = () => reading.pause();
    take('abcdef');
    turn.endTurn();
    expect([text, socket.isPaused()]).toEqual(['abc', true]);
    onRead = () => undefined;
    reading.resume();
    expect(text).toBe('abc');
    turn.endTurn();
    expect([text, socket.isPaused()]).toEqual(['abcdef', false]);
  });

  it('resumes a socket that was paused with nothing held, and no other', () => {
    most = 100;
    reading.resume();
    onRead = () => reading.pause();
    take('abc');
    turn.endTurn();
    expect(socket.isPaused()).toBe(true);
    reading.resume();
    expect(socket.isPaused()).toBe(false);
  });

  it('keeps the order of bytes that come although the socket is paused', () => {
    take('abcdef');
    take('gh');
    expect(counted).toBe(5);
    for (let i = 0; i < 3; i++) turn.endTurn();
    expect([text, counted, socket.isPaused()]).toEqual(['abcdefgh', 0, false]);
  });

  it('lets the socket go on when the rest is dropped', () => {
    take('abcdef');
    reading.drop();
    expect([reading.hasRest, counted]).toEqual([false, 0]);
    turn.endTurn();
    expect([text, socket.isPaused()]).toEqual(['abc', false]);
    onRead = () => reading.drop();
    most = 100;
    take('gh');
    expect([text, socket.isPaused()]).toEqual(['abcgh', false]);
  });
});
