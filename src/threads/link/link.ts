/**
 * Types and constants of a link. A link joins a frontend thread with the thread that schedules: two ring buffers of
 * entries, an arena of pages on each side, a port for announcements of pages and one for control calls, and a doorbell
 * on each side.
 */

import type { MessagePort } from 'node:worker_threads';
import type { NativeThreads } from '../native-threads.ts';

/** Entries from the frontend thread. */
export const fromFrontend = {
  /** A request: call, and the place of its record. */
  infer: 0,
  /** The caller of that call has left. */
  cancel: 1,
  /** A response of that call, or its failure, was read: the place of its record. */
  release: 2,
} as const;

/** Entries to the frontend thread: call, and the place of a record. The first two end the call. */
export const toFrontend = {
  /** The final response. */
  answer: 0,
  fail: 1,
  /** A response that others follow. */
  part: 2,
} as const;

/** One end, as plain data that is passed to its thread. */
export interface LinkEnd {
  /** Rings by the direction seen from this end. */
  readonly outgoing: SharedArrayBuffer;
  readonly incoming: SharedArrayBuffer;
  readonly pages: MessagePort;
  readonly control: MessagePort;
}

/** The native calls that a link needs. */
export type NativeLink = Pick<
  NativeThreads,
  'createDoorbell' | 'ringDoorbell' | 'closeDoorbell' | 'plainView' | 'discardMemory'
>;
