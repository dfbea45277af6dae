/** The data that a frontend thread gets at its start, and the messages between the two threads outside of the link. */

import type { LogFields, Logger } from '../../logger.ts';
import type { GrpcConfig, HttpConfig, RequestLogConfig } from '../../server/server-config.ts';
import type { LinkEnd } from '../link/link.ts';

export type FrontendName = 'http' | 'grpc';

export interface FrontendThreadSettings {
  /** The index of this thread in the pool. */
  readonly index: number;
  /** The number of connections of each thread of the pool, for `ConnectionCounts`. */
  readonly connections: Readonly<Record<FrontendName, SharedArrayBuffer>>;
  readonly http: HttpConfig;
  readonly grpc: GrpcConfig;
  readonly requestLog: RequestLogConfig;
  /** Descriptors of listening sockets, -1 for a frontend that is off. The thread owns each from its `took` on. */
  readonly httpFd: number;
  readonly grpcFd: number;
  readonly link: LinkEnd;
  /** The doorbell of the scheduling thread. */
  readonly doorbell: number;
  /** The origin of the clock of that thread; see `clockSince`. */
  readonly clockOriginMs: number;
  /** The accounts of all threads, for `MemoryBudget`, and their limit. This thread has the account `index + 1`. */
  readonly budget: { readonly shared: SharedArrayBuffer; readonly limitBytes: number };
  /** The turns of all threads, for `TurnCounts`. This thread has the row `index + 1`. */
  readonly turns: SharedArrayBuffer;
  /** One number that becomes 1 when the process has decided to end. */
  readonly exiting: SharedArrayBuffer;
}

/** From the pool to the thread: finish what was accepted, or serve a connection that another thread has accepted. */
export type ThreadOrder =
  | { readonly kind: 'drain' }
  | { readonly kind: 'adopt'; readonly frontend: FrontendName; readonly fd: number; readonly id: number };

export type LogLevel = keyof Logger;

/** From the thread to the pool. */
export type ThreadReport =
  | { readonly kind: 'ready'; readonly doorbell: number }
  | { readonly kind: 'drained' }
  /** The connection is for the thread with the index `to`. */
  | { readonly kind: 'handOver'; readonly frontend: FrontendName; readonly fd: number; readonly to: number }
  | { readonly kind: 'adopted'; readonly id: number }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly fields: LogFields; readonly message: string };
