/**
 * The functions of the addon for frontend threads that Node 20 does not have: listening sockets that share a port,
 * doorbells between event loops, plain views on shared memory, and blocks that grow without a copy. The interface of
 * `native/binding/{listener,doorbell,plain_view,large_block}.cc`; plain data only, no behaviour. Every thread loads it for itself, without ONNX Runtime.
 */

import { loadNative } from '../engine/load-native.ts';
import type { NativeTurns } from '../event-loop/native-turns.ts';
import type { SocketCalls } from '../sockets/socket-calls.ts';

/**
 * `alone`: only this socket has the port. `first`: bound as if alone, so it fails with `EADDRINUSE` if there is any
 * other listener, even one that shares its port; then the port is opened for `next`. `next`: joins all sockets of the
 * same user that share the port, so a `first` must come before.
 */
export type PortSharing = 'alone' | 'first' | 'next';

interface NativeListenerError {
  /** The system's name: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `EINVAL` for an address that is not numeric, … */
  readonly code: string;
  /** The call that failed and the error text of the system: `listen: Address already in use`. */
  readonly message: string;
}

/** `fd` is -1 and `port` 0 when `error` is not null. */
interface NativeListenerReply {
  readonly error: NativeListenerError | null;
  readonly fd: number;
  /** The port that was bound. */
  readonly port: number;
}

export interface NativeThreads extends NativeTurns, SocketCalls {
  /** Whether the system spreads connections over sockets that share a port: Linux only. */
  readonly sharesPorts: boolean;
  /**
   * A listening socket at a numeric IPv4 or IPv6 address; `::` accepts IPv4 too, as in Node. The descriptor is the
   * caller's and valid in every thread: give it to `server.listen({ fd, backlog })`, which owns it from then on
   * (without `backlog` Node sets its own, 511), or to `closeSocket`. Connections are accepted by the system from now
   * on: those that it assigns to this socket wait for its server. `port` 0 takes a free one, not with `next`. With
   * `first` and `next` where `sharesPorts` is false the reply is `ENOPROTOOPT`.
   */
  openListener(host: string, port: number, backlog: number, sharing: PortSharing): NativeListenerReply;
  /** Closes a descriptor that has no other owner. */
  closeSocket(fd: number): void;
  /**
   * Another descriptor of the same socket, valid in every thread and the caller's; -1 where the system has none left.
   */
  duplicateSocket(fd: number): number;

  /**
   * A doorbell of the calling thread: `onRing` runs there in a turn of its own after other threads rang, once for any
   * number of rings; a ring during `onRing` causes another call. Data written to shared memory before the ring is
   * visible in the call. An exception of `onRing` is uncaught. Does not keep the thread alive. Ids are never
   * used again.
   */
  createDoorbell(onRing: () => void): number;
  /** From any thread; does nothing once the doorbell is closed or its thread has ended. */
  ringDoorbell(id: number): void;
  /** In the thread that made it; does nothing elsewhere. `onRing` is not called any more, rung or not. */
  closeDoorbell(id: number): void;

  /**
   * The memory of these bytes, which is shared, as a buffer of this thread that is not: V8 copies to and from shared
   * memory byte by byte unless both sides are aligned alike. Keeps the memory alive. Null where this Node does not
   * allow it.
   */
  plainView(bytes: Uint8Array): ArrayBuffer | null;

  /**
   * Returns the memory of these bytes to the system while all views on it stay valid: they read zeros or the old bytes,
   * and a later write gets memory again. Only whole pages of the system are returned. The bytes are shared memory that
   * no thread reads or writes at this time.
   */
  discardMemory(bytes: Uint8Array): void;

  /** A block of exactly so many bytes, which are zero. Throws a `RangeError` when there is no memory. */
  allocateBlock(bytes: number): ArrayBuffer;
  /**
   * The block with its contents and more bytes, which are zero; `block` and its views become empty. Where the system can
   * (Linux), nothing is copied, and the memory is there once. Throws when there is no memory: then `block` stays.
   */
  growBlock(block: ArrayBuffer, bytes: number): ArrayBuffer;
  /** Returns the memory of the block to the system at once; `block` and its views become empty. */
  freeBlock(block: ArrayBuffer): void;
}

/** Throws as `loadNative`. */
export function loadNativeThreads(): NativeThreads {
  return loadNative<NativeThreads>();
}
