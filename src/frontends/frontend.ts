/** A protocol endpoint: turns bytes into calls of an `InferenceServer` and answers back into bytes. */

import type { Socket } from 'node:net';

export interface Listening {
  /** Where it listens, e.g. `0.0.0.0:8000`, with the port that was really taken. */
  readonly address: string;
  readonly port: number;
  /**
   * Takes no new connections, closes idle ones, and resolves when every accepted request has been answered. Health
   * answers become negative through the server, not here.
   */
  drain(): Promise<void>;
  /** Cuts what is left. */
  close(): void;
  /**
   * Serves a connection that was accepted elsewhere and of which nothing has been read; the descriptor is the frontend's
   * from now on. Absent where a transport cannot.
   */
  adopt?(fd: number): void;
}

/** Who serves the connections that a frontend accepts, where several frontends share a port. */
export interface ConnectionPlacement {
  /** Nothing has been read of the connection. False: it is served elsewhere, and its socket here is closed. */
  accepted(socket: Socket): boolean;
  /** A connection that was served here, accepted or adopted, has ended. */
  ended(): void;
}

/** A socket that listens already. */
export interface ListeningSocket {
  /** Its descriptor, which is the caller's from now on. Called in the moment in which a frontend begins to listen. */
  take(): number;
}

/** Connections that wait to be accepted. */
export const acceptBacklog = 1024;

export interface Frontend {
  /** The name in logs: `http`, `grpc`, `metrics`. */
  readonly name: string;
  /** Rejects with a sentence that names the address when it is in use. */
  start(): Promise<Listening>;
}
