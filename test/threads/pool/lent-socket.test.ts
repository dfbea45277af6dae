import { closeSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { LentSocket } from '../../../src/threads/pool/lent-socket.ts';

const closing = () => {
  const closed: number[] = [];
  return { closed, native: { closeSocket: (fd: number) => closed.push(fd) } };
};

// Any file has a descriptor and an inode.
describe('LentSocket', () => {
  it('closes what the thread has left open', () => {
    const { closed, native } = closing();
    const fd = openSync('/dev/null', 'r');
    new LentSocket(native, fd).closeIfLeft();
    closeSync(fd);
    expect(closed).toEqual([fd]);
  });

  it('leaves alone what the thread has closed, and what has its descriptor by now', () => {
    const { closed, native } = closing();
    const fd = openSync('/dev/null', 'r');
    const socket = new LentSocket(native, fd);
    closeSync(fd);
    socket.closeIfLeft();
    const next = openSync('/proc/self/status', 'r');
    expect(next).toBe(fd);
    socket.closeIfLeft();
    closeSync(next);
    expect(closed).toEqual([]);
  });
});
