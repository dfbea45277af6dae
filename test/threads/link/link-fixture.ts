/** Both ends of a link in one thread: doorbells ring in microtasks, or when the test says so. */

import { MemoryBudget } from '../../../src/inference/memory-budget.ts';
import type { NativeLink } from '../../../src/threads/link/link.ts';
import { type LinkEnds, makeLinkEnds } from '../../../src/threads/link/ends.ts';
import { LinkHost } from '../../../src/threads/link/host.ts';
import { LinkTurn } from '../../../src/threads/link/link-turn.ts';
import { LinkServer } from '../../../src/threads/link/server.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { FakeInferenceServer } from '../../fakes/fake-inference-server.ts';
import { RecordingLogger } from '../../fakes/recording-logger.ts';

/** NativeLink without threads. A ring is heard in a turn of its own, as often as there was one before it was heard. */
export class FakeDoorbells implements NativeLink {
  readonly #bells = new Map<number, () => void>();
  readonly #rung = new Set<number>();
  #nextId = 0;
  /** Whether rings are heard by themselves; else by `hear`. */
  isAwake: boolean;

  constructor(isAwake: boolean) {
    this.isAwake = isAwake;
  }

  get count(): number {
    return this.#bells.size;
  }

  createDoorbell(onRing: () => void): number {
    this.#bells.set(this.#nextId, onRing);
    return this.#nextId++;
  }

  ringDoorbell(id: number): void {
    if (this.#rung.has(id)) return;
    this.#rung.add(id);
    if (this.isAwake) queueMicrotask(() => this.hear(id));
  }

  plainView(): null {
    return null;
  }

  discardMemory(bytes: Uint8Array): void {
    bytes.fill(0);
  }

  closeDoorbell(id: number): void {
    this.#bells.delete(id);
  }

  /** Calls what a ring of that doorbell calls; false when nobody rang. */
  hear(id: number): boolean {
    if (!this.#rung.delete(id)) return false;
    this.#bells.get(id)?.();
    return true;
  }
}

/** Long enough for a link to answer and to ring: it rings in the turn of the event loop after the one that answers. */
export async function loopTurns(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Entries that are left in a ring after a turn are read in the next ones without a ring of the doorbell. */
const quietTurns = 10;

export interface LinkFixture {
  readonly doorbells: FakeDoorbells;
  readonly fake: FakeInferenceServer;
  readonly ends: LinkEnds;
  readonly server: LinkServer;
  readonly host: LinkHost;
  /** Of the thread that schedules, and of the one of the frontend. */
  readonly budgets: { readonly host: MemoryBudget; readonly frontend: MemoryBudget };
  readonly logger: RecordingLogger;
  /** Why the host gave the link up. */
  readonly breaks: unknown[];
  /** Lets the event loop turn, and both sides hear what was rung until nobody rings. */
  settle(): Promise<void>;
  close(): void;
}

/**
 * @param isAwake    false: rings are heard in `settle` only.
 * @param limitBytes Of requests and answers together.
 */
export function linkFixture(isAwake = true, limitBytes = 2 ** 30): LinkFixture {
  const doorbells = new FakeDoorbells(isAwake);
  const clock = new FakeClock();
  const fake = new FakeInferenceServer();
  const ends = makeLinkEnds();
  const accounts = MemoryBudget.accounts(2);
  const budgets = {
    host: new MemoryBudget(limitBytes, accounts, 0),
    frontend: new MemoryBudget(limitBytes, accounts, 1),
  };
  const logger = new RecordingLogger();
  const breaks: unknown[] = [];
  const server = new LinkServer(ends.frontend, doorbells, {
    clock,
    logger,
    budget: budgets.frontend,
    interceptors: [],
  });
  const host = new LinkHost(fake, ends.scheduling, doorbells, {
    clock,
    logger,
    budget: budgets.host,
    account: 1,
    turn: new LinkTurn(),
    onBroken: (error) => breaks.push(error),
  });
  server.connect(host.doorbell);
  host.connect(server.doorbell);
  return {
    doorbells,
    fake,
    ends,
    server,
    host,
    budgets,
    logger,
    breaks,
    async settle() {
      for (let quiet = 0; quiet < quietTurns; quiet++) {
        await loopTurns();
        if (doorbells.hear(host.doorbell) || doorbells.hear(server.doorbell)) quiet = 0;
      }
    },
    close() {
      host.close();
      for (const port of [ends.frontend.pages, ends.frontend.control]) port.close();
    },
  };
}

/** A promise and the functions that settle it. */
export function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((...both) => {
    [resolve, reject] = both;
  });
  return { promise, resolve, reject };
}
