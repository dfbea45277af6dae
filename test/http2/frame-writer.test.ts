import { beforeEach, describe, expect, it } from 'vitest';
import { ChunkPool } from '../../src/sockets/chunk-pool.ts';
import { SocketWriter } from '../../src/sockets/socket-writer.ts';
import { FrameWriter } from '../../src/http2/frame-writer.ts';
import { HeaderField } from '../../src/http2/header-field.ts';
import { PeerSettings } from '../../src/http2/peer-settings.ts';
import { frame, frameFlag, frameType } from './frame-bytes.ts';
import { MemorySocket } from '../sockets/memory-socket.ts';
import { HeldTurn } from '../sockets/held-turn.ts';

let socket: MemorySocket;
let turn: HeldTurn;
let peer: PeerSettings;
let writer: FrameWriter;

beforeEach(() => {
  socket = new MemorySocket();
  turn = new HeldTurn();
  peer = new PeerSettings();
  writer = new FrameWriter(new SocketWriter(socket, new ChunkPool(), turn), peer);
});

const sent = () => {
  turn.end();
  return socket.written.toString('hex');
};
const hex = (...frames: readonly Buffer[]) => Buffer.concat(frames).toString('hex');

describe('FrameWriter', () => {
  it('writes each frame as RFC 9113 has it', () => {
    writer.settings([
      [3, 100],
      [4, 2 ** 31 - 1],
    ]);
    writer.settingsAck();
    writer.ping();
    writer.pingAck(Buffer.from('..12345678'), 2);
    writer.windowUpdate(5, 2 ** 31 - 1);
    writer.reset(2 ** 31 - 1, 8);
    writer.goAway(7, 11, 'why');
    expect(sent()).toBe(
      hex(
        frame(frameType.settings, 0, 0, Buffer.from('00030000006400047fffffff', 'hex')),
        frame(frameType.settings, 1, 0),
        frame(frameType.ping, 0, 0, Buffer.alloc(8)),
        frame(frameType.ping, 1, 0, Buffer.from('12345678')),
        frame(frameType.windowUpdate, 0, 5, Buffer.from('7fffffff', 'hex')),
        frame(frameType.resetStream, 0, 2 ** 31 - 1, Buffer.from([0, 0, 0, 8])),
        frame(frameType.goAway, 0, 0, Buffer.concat([Buffer.from([0, 0, 0, 7, 0, 0, 0, 11]), Buffer.from('why')])),
      ),
    );
  });

  it('writes a PING of zeros into a chunk that held something else', () => {
    writer.pingAck(Buffer.alloc(8, 0xff), 0);
    turn.end();
    writer.ping();
    turn.end();
    expect(socket.writes[1]).toEqual(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
  });

  it.each([1, 4096, 4097, 16_384])('sends a body of %d bytes in one frame', (length) => {
    const body = Buffer.alloc(length, 3);
    expect(writer.data(1, body, 0, length, true)).toBe(length);
    expect(sent()).toBe(hex(frame(frameType.data, frameFlag.endStream, 1, body)));
  });

  it('sends as much of a body as frame and window allow, and ends the stream only with its last byte', () => {
    const body = Buffer.alloc(20_000, 3);
    expect(writer.data(1, body, 0, 20_000, true)).toBe(16_384);
    writer.sendWindow = 3000;
    expect(writer.data(1, body, 16_384, 3616, true)).toBe(3000);
    expect(writer.data(1, body, 19_384, 616, true)).toBe(0);
    writer.sendWindow = 616;
    expect(writer.data(1, body, 19_384, 616, true)).toBe(616);
    expect(writer.sendWindow).toBe(0);
    expect(sent()).toBe(
      hex(
        frame(frameType.data, 0, 1, body.subarray(0, 16_384)),
        frame(frameType.data, 0, 1, body.subarray(0, 3000)),
        frame(frameType.data, frameFlag.endStream, 1, body.subarray(0, 616)),
      ),
    );
  });

  it('begins DATA for the caller to fill, as long as one frame, one chunk and the window take it', () => {
    const at = writer.beginData(1, 3);
    writer.output.target.write('abc', at);
    expect(sent()).toBe(hex(frame(frameType.data, 0, 1, Buffer.from('abc'))));
    expect(writer.sendWindow).toBe(65_535 - 3);
    expect(writer.beginData(1, 16_385)).toBe(-1);
    peer.maxFrameBytes = 65_536;
    expect(writer.beginData(1, 32 * 1024 - 8)).toBe(-1);
    expect(writer.beginData(1, 32 * 1024 - 9)).toBeGreaterThan(0);
    writer.sendWindow = 10;
    expect(writer.beginData(1, 11)).toBe(-1);
    expect(writer.sendWindow).toBe(10);
  });

  it('refuses header fields that no frame takes, before anything is written', () => {
    const large = [new HeaderField('x', 'a'.repeat(16_384))];
    expect(() => writer.headers(1, large, true)).toThrow(RangeError);
    expect(sent()).toBe('');
  });

  it('expects two updates for each DATA frame, and no more', () => {
    expect(writer.expectsUpdate()).toBe(false);
    writer.data(1, Buffer.alloc(5), 0, 5, false);
    writer.beginData(1, 5);
    expect([1, 2, 3, 4, 5].map(() => writer.expectsUpdate())).toEqual([true, true, true, true, false]);
  });

  it('writes nothing after the end', () => {
    writer.ping();
    writer.end();
    const before = sent();
    expect(socket.isEnded || socket.writableEnded).toBe(true);
    writer.headers(1, [], true);
    writer.reset(1, 0);
    writer.windowUpdate(0, 1);
    writer.ping();
    writer.settingsAck();
    writer.goAway(0, 0, '');
    expect(writer.data(1, Buffer.alloc(5), 0, 5, false)).toBe(0);
    expect(writer.beginData(1, 5)).toBe(-1);
    expect(sent()).toBe(before);
  });
});
