/** A protocol endpoint: turns bytes into calls of an `InferenceServer` and answers back into bytes. */

import type { Socket } from 'node:net';

export interface Listening {
  /** Where it listens, e.g. `0.0.0.0:8000`, with the actual port. */
  readonly address: string;
  readonly port: number;
  /**
   * Accepts no new connections, closes idle ones, and resolves when every accepted request has been answered. Health
   * answers become negative through the server, not here.
   */
  drain(): Promise<void>;
  /** Cuts the remaining connections. */
  close(): void;
  /**
   * Serves a connection that was accepted elsewhere and from which nothing was read; the frontend owns the descriptor
   * from now on. Absent when the transport cannot do this.
   */
  adopt?(fd: number): void;
}

/** Decides which frontend serves an accepted connection, when several frontends share a port. */
export interface ConnectionPlacement {
  /** Called before anything is read. False: the connection is served elsewhere, and its socket here is closed. */
  accepted(socket: Socket): boolean;
  /** A connection of this frontend, accepted or adopted, has ended. */
  ended(): void;
}

/** A socket that listens already, in the form that Node takes. The frontend owns it from when it begins to listen. */
export interface ListeningSocket {
  readonly fd: number;
}

/** Connections that wait to be accepted. */
export const acceptBacklog = 1024;

export interface Frontend {
  /** The name in logs: `http`, `grpc`, `metrics`. */
  readonly name: string;
  /** Rejects with a sentence that names the address when it is in use. */
  start(): Promise<Listening>;
}
