import { describe, expect, it } from 'vitest';
import { FileThreads } from '../src/file-threads.ts';

/** Calls that never return; `started` counts those that have a thread. */
class HungCalls {
  started = 0;

  readonly call = (): Promise<never> => {
    this.started++;
    return new Promise(() => undefined);
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function started(count: number, ask: (call: () => Promise<never>) => Promise<never>): Promise<number> {
  const hung = new HungCalls();
  for (let i = 0; i < count; i++) void ask(hung.call);
  await turn();
  return hung.started;
}

describe('threads for files', () => {
  it.each([
    [4, 3, 2],
    [3, 2, 1],
    [1, 2, 1],
    [16, 15, 14],
  ])('of a pool of %i are %i for folders and %i of them for contents', async (pool, folders, contents) => {
    const ofFolders = new FileThreads(pool);
    expect(await started(50, (call) => ofFolders.folders(call))).toBe(folders);
    const ofContents = new FileThreads(pool);
    expect(await started(50, (call) => ofContents.contents(call))).toBe(contents);
  });

  it('leave one to folders while all reads of contents hang', async () => {
    const threads = new FileThreads(4);
    expect(await started(50, (call) => threads.contents(call))).toBe(2);
    await expect(threads.folders(async () => 'listed')).resolves.toBe('listed');
  });

  it('are free again after a call that succeeded and one that failed', async () => {
    const threads = new FileThreads(3);
    for (let i = 0; i < 5; i++) {
      await expect(threads.contents(async () => i)).resolves.toBe(i);
      await expect(threads.contents(() => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
    }
    expect(await started(5, (call) => threads.contents(call))).toBe(1);
  });

  it('serve calls in the order in which they asked', async () => {
    const threads = new FileThreads(3);
    const order: number[] = [];
    await Promise.all([1, 2, 3, 4].map((number) => threads.contents(async () => void order.push(number))));
    expect(order).toEqual([1, 2, 3, 4]);
  });
});
