/**
 * One model over time: a loop that takes the wishes for the model in the order in which they were asked, and carries
 * out each of them step by step (`reconcile.ts`, `model-loading.ts`). Different models change independently. The files
 * to serve come as a `ModelSource`; this file decides the order of steps and never touches files.
 */

import { cancelled, type InferenceError } from '../errors.ts';
import { type LoadedModel, type LoadSurroundings, ModelLoading } from './model-loading.ts';
import type { ModelSource } from './model-source.ts';
import type { ModelVersion } from './model-version.ts';
import { reconcile } from './reconcile.ts';
import type { Sighting } from './repository-view.ts';
import { VersionTable } from './version-table.ts';
import type { EndWish, Wish, WishOrigin } from './wish.ts';

export interface LifecycleSurroundings extends LoadSurroundings {
  /** Called when something could not be closed or released, which leaves memory or files behind. */
  readonly onReleaseError: (error: unknown) => void;
}

/** Events of one model for the owner of the table of models. */
interface LifecycleListener {
  /** The `forget` step: no version serves or drains, no wish waits, and no failure has to be remembered. */
  forget(): void;
}

/** A wish that waits or is being fulfilled. */
interface Turn {
  readonly wish: Wish;
  readonly abort: AbortController;
  /** The fingerprint of the files that are being loaded; null before they were read. */
  fingerprint: string | null;
}

export class ModelLifecycle implements LoadedModel {
  readonly table: VersionTable;
  readonly #around: LifecycleSurroundings;
  readonly #listener: LifecycleListener;
  readonly #loading: ModelLoading;
  /** In the order of asking; the first one is being fulfilled. */
  readonly #turns: Turn[] = [];
  /** Background work: versions that drain, sources that are being released. */
  readonly #background = new Set<Promise<unknown>>();
  #tail: Promise<unknown> = Promise.resolve();
  #source: ModelSource | null = null;
  #sighting: Sighting | null = null;
  /** The entry of the model is to leave the table when it is at rest. */
  #isToBeForgotten = false;

  constructor(name: string, around: LifecycleSurroundings, listener: LifecycleListener) {
    this.table = new VersionTable(name);
    this.#around = around;
    this.#listener = listener;
    this.#loading = new ModelLoading(this, around);
  }

  get name(): string {
    return this.table.model;
  }

  get source(): ModelSource | null {
    return this.#source;
  }

  /** The scan from which the model was loaded; null when it is not loaded. */
  get sighting(): Sighting | null {
    return this.#sighting;
  }

  /** No wish waits, and no version serves or drains. */
  get isAtRest(): boolean {
    return this.#turns.length === 0 && this.#background.size === 0 && this.table.isIdle;
  }

  /**
   * Resolves when the wish has been fulfilled: the versions serve, or are out of service (accepted requests are
   * finished in the background). Rejects with the reason of a failure; versions that served before go on serving. A
   * load that a newer wish makes pointless is cancelled: it rejects with `cancelled`.
   */
  fulfil(wish: Wish): Promise<void> {
    const turn: Turn = { wish, abort: new AbortController(), fingerprint: null };
    this.#endPointless(wish);
    this.#turns.push(turn);
    const outcome = this.#tail.then(() => this.#take(turn));
    this.#tail = outcome.catch(() => undefined);
    return outcome;
  }

  /** A model that this one needs has changed. Repeated calls before its turn has come share one turn. */
  follow(): Promise<void> {
    if (this.#turns.slice(1).some(({ wish }) => wish.kind === 'follow')) return Promise.resolve();
    return this.fulfil({ kind: 'follow', by: 'follow' });
  }

  /** Resolves when every wish so far has been fulfilled or has failed. Never rejects. */
  idle(): Promise<unknown> {
    return this.#tail;
  }

  /** Cancels every load that waits or runs. */
  endLoads(reason: InferenceError): void {
    for (const { wish, abort } of this.#turns) {
      if (wish.kind === 'load' || wish.kind === 'follow') abort.abort(reason);
    }
  }

  /** Resolves when every draining version is unloaded. */
  async settled(): Promise<void> {
    await this.#tail;
    await Promise.all(this.#background);
  }

  /** Fails waiting requests and cancels running batches of all versions. */
  abort(error: InferenceError): void {
    for (const version of [...this.table.serving.values(), ...this.table.leaving]) version.abort(error);
  }

  /** An unload cancels all loads before it; a load cancels the running one unless both are of the same files. */
  #endPointless(wish: Wish): void {
    if (wish.kind === 'follow') return;
    if (wish.kind !== 'load') {
      this.endLoads(cancelled(`the load of model '${this.name}' was ended because the model was unloaded meanwhile`));
      return;
    }
    const current = this.#turns[0];
    if (current?.wish.kind !== 'load') return;
    const reason = cancelled(`the load of model '${this.name}' was ended because a newer one was asked for`);
    if (wish.peek === null) {
      current.abort.abort(reason);
      return;
    }
    void wish.peek().then(
      (fingerprint) => {
        if (current.fingerprint !== null && current.fingerprint !== fingerprint) current.abort.abort(reason);
      },
      // Its own turn will report the error; until then the running load goes on.
      () => undefined,
    );
  }

  async #take(turn: Turn): Promise<void> {
    const { wish } = turn;
    try {
      const { signal } = turn.abort;
      if (wish.kind === 'follow') await this.#loading.follow(signal);
      else if (wish.kind !== 'load') this.#takeOut(wish);
      else {
        await this.#loading.load(wish, signal, (fingerprint) => {
          turn.fingerprint = fingerprint;
        });
        this.#isToBeForgotten = false;
      }
    } finally {
      this.#turns.splice(this.#turns.indexOf(turn), 1);
      this.#around.needed.declare(this.name, this.#loading.needs);
      this.#considerForgetting();
    }
  }

  // ---- out of service ----

  #takeOut({ kind, by }: EndWish): void {
    this.table.failures = new Map();
    this.#loading.forget();
    // The repository has no folder for a model whose files came with a call.
    this.#isToBeForgotten = kind === 'forget' || this.#sighting?.isInRepository === false;
    const serving = this.table.ready.map(({ version }) => version);
    const steps = reconcile({ kind: this.#isToBeForgotten ? 'gone' : 'unloaded' }, serving);
    for (const step of steps) if (step.kind === 'commit') this.replace(new Map(), null, null, by);
  }

  #considerForgetting(): void {
    if (!this.isAtRest) return;
    const { failures, unloaded } = this.table;
    if (this.#isToBeForgotten || (failures.size === 0 && unloaded.size === 0)) this.#listener.forget();
  }

  // ---- the one step that callers see ----

  /** Versions take over; replaced versions drain in the background. */
  replace(
    next: ReadonlyMap<number, ModelVersion>,
    source: ModelSource | null,
    sighting: Sighting | null,
    by: WishOrigin,
  ): void {
    const replaced = this.#source;
    const left = this.table.replaceServing(next);
    this.#source = source;
    this.#sighting = sighting;
    const drained = this.drainVersions(left, replaced === source ? null : replaced);
    this.#around.needed.moved(this.name);
    if (source === null && left.length > 0) {
      const versions = left.map(({ version }) => version);
      void drained.then(() => this.#around.logger.info({ model: this.name, versions, by }, 'model is unloaded'));
    }
  }

  /** Drains versions that were replaced or not needed, then releases the source they came from. Never rejects. */
  drainVersions(versions: readonly ModelVersion[], source: ModelSource | null): Promise<void> {
    for (const version of versions) this.table.leaving.add(version);
    const retired = versions.map((version) => version.retire().finally(() => this.table.leaving.delete(version)));
    const drain = async (): Promise<void> => {
      const results = await Promise.allSettled(retired);
      for (const result of results) if (result.status === 'rejected') this.#around.onReleaseError(result.reason);
      await source?.release();
    };
    return this.inBackground(drain());
  }

  /** Continues work in the background and reports its failure. */
  inBackground(work: Promise<unknown>): Promise<void> {
    const reported = work.then(
      () => undefined,
      (error: unknown) => this.#around.onReleaseError(error),
    );
    this.#background.add(reported);
    return reported.then(() => {
      this.#background.delete(reported);
      this.#considerForgetting();
    });
  }
}
