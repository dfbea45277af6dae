/**
 * The life cycle of a model version as a table. `VersionLifecycle` is the only writer of a state; every move is reported
 * once.
 *
 *  found ─► loading ─► warming ─► ready ─► draining ─► unloading ─► gone
 *              │          │                              ▲  │
 *              ├──────────┼─────────── given up ─────────┘  │
 *              └──────────┴─────────► failed ◄──────────────┘
 *                                       └─► loading again, or gone
 */

import type { IndexState } from './model-index.ts';

export type VersionState = 'found' | 'loading' | 'warming' | 'ready' | 'draining' | 'unloading' | 'failed' | 'gone';

interface StateFacts {
  readonly movesTo: readonly VersionState[];
  readonly index: IndexState;
}

export const versionStates: Readonly<Record<VersionState, StateFacts>> = {
  found: { movesTo: ['loading', 'gone'], index: 'UNAVAILABLE' },
  loading: { movesTo: ['warming', 'failed', 'unloading'], index: 'LOADING' },
  warming: { movesTo: ['ready', 'failed', 'unloading'], index: 'LOADING' },
  ready: { movesTo: ['draining'], index: 'READY' },
  draining: { movesTo: ['unloading'], index: 'UNLOADING' },
  unloading: { movesTo: ['gone', 'failed'], index: 'UNLOADING' },
  failed: { movesTo: ['loading', 'gone'], index: 'UNAVAILABLE' },
  gone: { movesTo: [], index: 'UNAVAILABLE' },
};

/**
 * Receives the moves of all versions. `ready` is reported once the version can be leased, `draining` while it still
 * can.
 */
export interface LifecycleObserver {
  versionMoved(model: string, version: number, from: VersionState, to: VersionState, reason: string): void;
}

/** Holds the state of one version and refuses moves that the table does not have: those are bugs of ours. */
export class VersionLifecycle {
  readonly model: string;
  readonly version: number;
  readonly #observer: LifecycleObserver;
  #state: VersionState = 'found';
  #reason = '';

  constructor(model: string, version: number, observer: LifecycleObserver) {
    this.model = model;
    this.version = version;
    this.#observer = observer;
  }

  get state(): VersionState {
    return this.#state;
  }

  /** Why it failed or went; '' otherwise. */
  get reason(): string {
    return this.#reason;
  }

  /** @throws Error for a move that the table does not have. */
  move(to: VersionState, reason = ''): void {
    const from = this.#state;
    if (!versionStates[from].movesTo.includes(to)) {
      throw new Error(`version ${this.version} of model '${this.model}' cannot move from ${from} to ${to}`);
    }
    this.#state = to;
    this.#reason = reason;
    this.#observer.versionMoved(this.model, this.version, from, to, reason);
  }
}
