import { beforeEach, describe, expect, it } from 'vitest';
import { ChunkPool, chunkBytes } from '../../src/sockets/chunk-pool.ts';
import { SocketWriter } from '../../src/sockets/socket-writer.ts';
import { HeldTurn } from './held-turn.ts';
import { MemorySocket } from './memory-socket.ts';

let socket: MemorySocket;
let turn: HeldTurn;
let pool: ChunkPool;
let writer: SocketWriter;

beforeEach(() => {
  socket = new MemorySocket();
  turn = new HeldTurn();
  pool = new ChunkPool();
  writer = new SocketWriter(socket, pool, turn);
});

function put(text: string): Buffer {
  const at = writer.reserve(text.length);
  const { target } = writer;
  writer.commit(at + target.write(text, at, 'latin1'));
  return target;
}

const sent = () => socket.writes.map((write) => write.toString('latin1'));

describe('writes of one turn', () => {
  it('leaves in one write at its end', () => {
    put('a');
    put('bc');
    put('d');
    expect(sent()).toEqual([]);
    turn.end();
    expect(sent()).toEqual(['abcd']);
    turn.end();
    expect(sent()).toEqual(['abcd']);
  });

  it('leaves in one write also where bodies are sent from where they lie, in its order', () => {
    put('head1');
    writer.append(Buffer.from('BODY1'));
    put('head2');
    put('head3');
    writer.append(Buffer.from('BODY2'));
    writer.append(Buffer.from('BODY3'));
    put('tail');
    turn.end();
    expect(sent()).toEqual(['head1BODY1head2head3BODY2BODY3tail']);
  });

  it('keeps its order over more than one chunk', () => {
    const parts = Array.from({ length: 40 }, (_, i) => String.fromCharCode(65 + i).repeat(5000));
    for (const [i, part] of parts.entries()) {
      if (i % 7 === 3) writer.append(Buffer.from(part));
      else put(part);
    }
    turn.end();
    expect(sent()).toEqual([parts.join('')]);
  });

  it('leaves apart from that of the next', () => {
    put('a');
    turn.end();
    put('b');
    turn.end();
    expect(sent()).toEqual(['a', 'b']);
  });

  it('uses only the committed part of the reserved bytes', () => {
    writer.reserve(1000);
    const at = writer.reserve(10);
    writer.target.write('xy', at);
    writer.commit(at + 2);
    put('z');
    turn.end();
    expect(sent()).toEqual(['xyz']);
  });
});

describe('a chunk', () => {
  it('is used again when the socket took the bytes at once', () => {
    const first = put('a');
    turn.end();
    expect(pool.take()).toBe(first);
  });

  it('is not used again while the socket holds the bytes', () => {
    socket.isSlow = true;
    const first = put('first');
    turn.end();
    const second = put('other');
    expect(second).not.toBe(first);
    turn.end();
    socket.takeAll();
    expect(sent().join('')).toBe('firstother');
    expect(pool.take()).not.toBe(first);
  });

  it('that is full is used again when the socket took all of the turn, and not before', () => {
    const large = 'x'.repeat(chunkBytes);
    const first = put(large);
    const second = put(large);
    expect(second).not.toBe(first);
    turn.end();
    expect(new Set([pool.take(), pool.take()])).toEqual(new Set([first, second]));
    socket.isSlow = true;
    const held = put(large);
    put('y');
    turn.end();
    expect([pool.take(), pool.take()]).not.toContain(held);
  });

  it('is not overwritten by another connection while a slow socket has not taken it', () => {
    const quick = new MemorySocket();
    const other = new SocketWriter(quick, pool, turn);
    socket.isSlow = true;
    for (let i = 0; i < 20; i++) {
      put(`slow${i};`);
      const at = other.reserve(20);
      other.commit(at + other.target.write(`quick${i};`, at));
      if (i % 3 === 0) writer.append(Buffer.from(`body${i};`));
      turn.end();
    }
    socket.isSlow = false;
    socket.takeAll();
    const expected = Array.from({ length: 20 }, (_, i) => `slow${i};${i % 3 === 0 ? `body${i};` : ''}`).join('');
    expect(socket.written.toString()).toBe(expected);
    expect(quick.written.toString()).toBe(Array.from({ length: 20 }, (_, i) => `quick${i};`).join(''));
  });
});

describe('onWritten', () => {
  it('is called in order when the socket has taken the earlier bytes', () => {
    socket.isSlow = true;
    const calls: number[] = [];
    put('a');
    writer.onWritten(() => calls.push(1));
    writer.append(Buffer.from('b'));
    writer.onWritten(() => calls.push(2));
    turn.end();
    expect(calls).toEqual([]);
    expect(writer.unsentBytes).toBe(2);
    socket.takeAll();
    expect(calls).toEqual([1, 2]);
    expect(writer.unsentBytes).toBe(0);
  });

  it('waits for earlier bytes when there is nothing to write', async () => {
    socket.isSlow = true;
    const calls: number[] = [];
    put('a');
    turn.end();
    writer.onWritten(() => calls.push(1));
    turn.end();
    expect(calls).toEqual([]);
    socket.isSlow = false;
    socket.takeAll();
    await new Promise((resolve) => process.nextTick(resolve));
    expect(calls).toEqual([1]);
  });

  it('is not called when the connection is lost', async () => {
    socket.isSlow = true;
    const calls: number[] = [];
    socket.on('error', () => undefined);
    put('a');
    writer.onWritten(() => calls.push(1));
    turn.end();
    put('b');
    writer.onWritten(() => calls.push(2));
    socket.destroy();
    turn.end();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(calls).toEqual([]);
    expect(sent()).toEqual([]);
  });
});

describe('the end', () => {
  it('follows earlier writes, in the same turn', () => {
    put('a');
    writer.append(Buffer.from('b'));
    writer.end();
    expect(sent()).toEqual(['ab']);
    expect(socket.writableEnded).toBe(true);
  });

  it('is followed by nothing, and gives the chunk back', () => {
    writer.end();
    const chunk = put('a');
    writer.append(Buffer.from('b'));
    turn.end();
    expect(sent()).toEqual([]);
    expect(pool.take()).toBe(chunk);
  });
});

describe('bytes that wait for a socket', () => {
  const counted = () => {
    let waiting = 0;
    const slow = new MemorySocket();
    slow.isSlow = true;
    const counting = new SocketWriter(slow, pool, turn, (bytes) => {
      waiting += bytes;
    });
    return { slow, counting, waiting: () => waiting };
  };

  it('are counted above the buffer of a socket, until they are taken', () => {
    const { slow, counting, waiting } = counted();
    counting.append(Buffer.alloc(1000));
    turn.end();
    expect(waiting()).toBe(0);
    counting.append(Buffer.alloc(200_000));
    turn.end();
    expect(waiting()).toBe(201_000);
    slow.takeAll();
    counting.count();
    expect(waiting()).toBe(0);
  });

  it('are counted within a turn that writes much', () => {
    const { counting, waiting } = counted();
    for (let i = 0; i < 10; i++) counting.append(Buffer.alloc(100_000));
    expect(waiting()).toBe(1_000_000);
    turn.end();
    expect(waiting()).toBe(1_000_000);
  });

  it('is nothing once the socket is closed', () => {
    const { slow, counting, waiting } = counted();
    counting.append(Buffer.alloc(400_000));
    slow.destroy();
    counting.count();
    expect(waiting()).toBe(0);
    turn.end();
    expect(waiting()).toBe(0);
  });
});

describe('a chunk that the socket has not taken', () => {
  it('comes back to the pool when it has', () => {
    socket.isSlow = true;
    const chunk = put('a');
    turn.end();
    expect(pool.take() === chunk).toBe(false);
    socket.takeAll();
    writer.count();
    expect(pool.take() === chunk).toBe(true);
  });
});

describe('releaseWhenSent', () => {
  it('calls back once, when the socket has taken everything or is closed, and at once after that', async () => {
    const calls: number[] = [];
    socket.isSlow = true;
    writer.append(Buffer.from('first'));
    writer.releaseWhenSent(() => calls.push(1));
    turn.end();
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(calls).toEqual([]);
    socket.takeAll();
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(calls).toEqual([1]);
    writer.append(Buffer.from('second'));
    writer.releaseWhenSent(() => calls.push(2));
    turn.end();
    writer.lost();
    writer.releaseWhenSent(() => calls.push(3));
    socket.takeAll();
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(calls).toEqual([1, 2, 3]);
  });
});
