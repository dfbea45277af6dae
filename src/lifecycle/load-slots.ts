/** A limit on concurrent loads, so that a repository of many models does not load them all at once. */

import { unlessAborted } from './abortable.ts';

/**
 * Runs a task when a slot is free. An aborted wait leaves the queue; an aborted task keeps its slot until it returns.
 */
export type Slots = <T>(task: () => Promise<T>, signal: AbortSignal) => Promise<T>;

/** At most `count` tasks run; the others wait their turn in order. */
export function loadSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  const enter = (): Promise<void> => {
    if (free > 0) {
      free--;
      return Promise.resolve();
    }
    return new Promise((resolve) => waiting.push(resolve));
  };
  const leave = (): void => {
    const next = waiting.shift();
    if (next) next();
    else free++;
  };
  return async (task, signal) => {
    await unlessAborted(enter(), signal, leave);
    try {
      return await task();
    } finally {
      leave();
    }
  };
}
