/** A limit on concurrent loads, so that a repository of many models does not load them all at once. */

import { Semaphore } from '../semaphore.ts';
import { unlessAborted } from './abortable.ts';

/**
 * Runs a task when a slot is free. An aborted wait leaves the queue; an aborted task keeps its slot until it returns.
 */
export type Slots = <T>(task: () => Promise<T>, signal: AbortSignal) => Promise<T>;

/** At most `count` tasks run; the others wait their turn in order. */
export function loadSlots(count: number): Slots {
  const slots = new Semaphore(count);
  return async (task, signal) => {
    await unlessAborted(slots.acquire(), signal, () => slots.release());
    try {
      return await task();
    } finally {
      slots.release();
    }
  };
}
