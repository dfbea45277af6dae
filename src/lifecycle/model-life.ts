/**
 * One model over time: a loop that takes the wishes for the model in the order in which they were asked, and carries
 * out each of them step by step (`reconcile.ts`). Different models change independently. The files to serve come as a
 * `ModelSource`; this file decides the order of steps and never touches files.
 */

import { cancelled, InferenceError, invalidArgument, toInferenceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { unlessAborted } from './abortable.ts';
import { type ChangeSurroundings, ModelChange } from './model-change.ts';
import type { ModelSource } from './model-source.ts';
import type { ModelVersion } from './model-version.ts';
import { reconcile } from './reconcile.ts';
import type { Sighting } from './repository-view.ts';
import { VersionTable } from './version-table.ts';
import type { LoadWish, Wish, WishOrigin } from './wish.ts';

export interface LifeSurroundings extends ChangeSurroundings {
  readonly logger: Logger;
  /** Something that could not be closed or released leaves memory or files behind; somebody should know. */
  readonly onReleaseError: (error: unknown) => void;
}

/** Events of one model for the owner of the table of models. */
export interface LifeListener {
  /** The `forget` step: nothing serves, drains or is wished for, and there is nothing to remember. */
  forget(): void;
}

/** A wish that waits or is being fulfilled. */
interface Turn {
  readonly wish: Wish;
  readonly abort: AbortController;
  /** Of what is being loaded; null before it was read. */
  fingerprint: string | null;
}

export class ModelLife {
  readonly table: VersionTable;
  readonly #around: LifeSurroundings;
  readonly #listener: LifeListener;
  /** In the order of asking; the first one is being fulfilled. */
  readonly #turns: Turn[] = [];
  /** What goes on in the background: versions draining, sources being released. */
  readonly #departures = new Set<Promise<unknown>>();
  #tail: Promise<unknown> = Promise.resolve();
  #source: ModelSource | null = null;
  #sighting: Sighting | null = null;
  /** The entry of the model is to leave the table when it is at rest. */
  #isToBeForgotten = false;

  constructor(name: string, around: LifeSurroundings, listener: LifeListener) {
    this.table = new VersionTable(name);
    this.#around = around;
    this.#listener = listener;
  }

  get name(): string {
    return this.table.model;
  }

  /** What the model is loaded from; null when it is not loaded. */
  get sighting(): Sighting | null {
    return this.#sighting;
  }

  /** Nothing is wished for, serves or drains. */
  get isAtRest(): boolean {
    return this.#turns.length === 0 && this.#departures.size === 0 && this.table.isIdle;
  }

  /**
   * Resolves when the wish has been fulfilled: the versions serve, or are out of service (what they accepted is finished
   * in the background). Rejects with the reason why not; what served before then goes on serving. A load that a newer
   * wish makes pointless is ended: it rejects with `cancelled`.
   */
  fulfil(wish: Wish): Promise<void> {
    const turn: Turn = { wish, abort: new AbortController(), fingerprint: null };
    this.#endPointless(wish);
    this.#turns.push(turn);
    const outcome = this.#tail.then(() => this.#take(turn));
    this.#tail = outcome.catch(() => undefined);
    return outcome;
  }

  /** Ends every load that waits or is under way. */
  endLoads(reason: InferenceError): void {
    for (const { wish, abort } of this.#turns) if (wish.kind === 'load') abort.abort(reason);
  }

  /** Resolves when every version that was leaving is gone. */
  async settled(): Promise<void> {
    await this.#tail;
    await Promise.all(this.#departures);
  }

  /** Fails what waits and ends what runs in all versions. */
  abort(error: InferenceError): void {
    for (const version of [...this.table.serving.values(), ...this.table.leaving]) version.abort(error);
  }

  /** An unload ends all loads before it; a load ends the one under way unless both are of the same files. */
  #endPointless(wish: Wish): void {
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
      // Its own turn will say what is wrong with it; until then the other one goes on.
      () => undefined,
    );
  }

  async #take(turn: Turn): Promise<void> {
    const { wish } = turn;
    try {
      if (wish.kind === 'load') await this.#load(turn, wish);
      else this.#takeOut(wish);
    } finally {
      this.#turns.splice(this.#turns.indexOf(turn), 1);
      this.#considerForgetting();
    }
  }

  // ---- out of service ----

  #takeOut({ kind, by }: Exclude<Wish, LoadWish>): void {
    this.table.failures = new Map();
    // Nothing in the repository stands for a model that was brought by a call.
    this.#isToBeForgotten = kind === 'forget' || this.#sighting?.isInRepository === false;
    const steps = reconcile({ kind: this.#isToBeForgotten ? 'gone' : 'unloaded' }, this.#servingNumbers());
    for (const step of steps) if (step.kind === 'commit') this.#replace(new Map(), null, null, by);
  }

  #considerForgetting(): void {
    if (!this.isAtRest) return;
    const { failures, unloaded } = this.table;
    if (this.#isToBeForgotten || (failures.size === 0 && unloaded.size === 0)) this.#listener.forget();
  }

  // ---- into service ----

  async #load(turn: Turn, wish: LoadWish): Promise<void> {
    const { signal } = turn.abort;
    const { logger } = this.#around;
    try {
      signal.throwIfAborted();
      const sighting = await this.#look(wish, signal);
      turn.fingerprint = sighting.fingerprint;
      const source = await this.#read(sighting, wish.by, signal);
      await this.#become(source, sighting, wish.by, signal);
      this.#isToBeForgotten = false;
    } catch (cause) {
      const error = toInferenceError(cause);
      const fields = { model: this.name, by: wish.by };
      if (signal.aborted) logger.info(fields, error.message);
      else logger.error(fields, error.message.trim());
      throw error;
    }
  }

  async #look({ look, peek }: LoadWish, signal: AbortSignal): Promise<Sighting> {
    const looking = look();
    try {
      return await unlessAborted(looking, signal);
    } catch (error) {
      if (!signal.aborted) throw pollFailed(this.name, error);
      // Files that a call brought may still be being written; they have to be removed.
      if (peek === null)
        this.#depart(
          looking.then(
            (sighting) => sighting.discard(),
            () => undefined,
          ),
        );
      throw error;
    }
  }

  async #read(sighting: Sighting, by: WishOrigin, signal: AbortSignal): Promise<ModelSource> {
    try {
      return await unlessAborted(sighting.source(), signal, (late) => this.#depart(late.release()));
    } catch (error) {
      if (signal.aborted) throw error;
      const { code, message } = toInferenceError(error);
      // Of two folders of one name nobody can say which one is to serve: neither does, as in Triton.
      if (code === 'already_exists') this.#replace(new Map(), null, null, by);
      if (sighting.isInRepository) this.table.failures = new Map([[0, message]]);
      throw pollFailed(this.name, error);
    }
  }

  /**
   * Makes the model what `source` says. New versions load beside the serving ones; only when everything is ready do they
   * take over, in one step, and the replaced ones drain in the background. If anything fails, all that is new is dropped.
   */
  async #become(source: ModelSource, sighting: Sighting, by: WishOrigin, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#around;
    const startedMs = clock.now();
    const change = new ModelChange(source, this.table, this.#around, signal);
    const before = this.#servingNumbers();
    try {
      if (source.versions.length === 0) throw this.#withoutVersion();
      const difference = this.#source && source.changeSince(this.#source);
      const steps = reconcile(
        {
          kind: 'serve',
          versions: source.versions,
          reloads: (version) => difference?.reloads(version) ?? true,
          resizes: difference?.adjustsInstances ?? false,
        },
        before,
      );
      for (const step of steps) {
        if (step.kind === 'load') {
          logger.info({ model: this.name, versions: step.versions, by }, 'loading');
          await change.load(step.versions);
        } else if (step.kind === 'resize') await change.resize(step.versions);
        else if (step.kind === 'commit') this.#replace(change.commit(step.stay), source, sighting, by);
      }
    } catch (error) {
      // Also where nothing in the repository stands for the model: then nobody asks for the reason any more.
      if (!sighting.isInRepository && this.table.isIdle) this.table.failures = new Map();
      this.#depart(change.undo());
      this.#seeOff(change.fresh, source);
      throw error;
    }
    const fresh = change.fresh.map(({ version }) => version);
    const removed = before.filter((version) => !source.versions.includes(version));
    const tookMs = Math.round(clock.now() - startedMs);
    logger.info({ model: this.name, versions: source.versions, new: fresh, removed, by, tookMs }, 'model is ready');
  }

  #withoutVersion(): InferenceError {
    const error = invalidArgument(
      `at least one version must be available under the version policy of model '${this.name}'`,
    );
    this.table.failures = new Map([[0, error.message]]);
    return error;
  }

  // ---- the one step that callers see ----

  /** Versions take over; what is no longer among them drains in the background. */
  #replace(
    next: ReadonlyMap<number, ModelVersion>,
    source: ModelSource | null,
    sighting: Sighting | null,
    by: WishOrigin,
  ): void {
    const replaced = this.#source;
    const left = this.table.replaceServing(next);
    this.#source = source;
    this.#sighting = sighting;
    const departure = this.#seeOff(left, replaced === source ? null : replaced);
    if (source === null && left.length > 0) {
      const versions = left.map(({ version }) => version);
      void departure.then(() => this.#around.logger.info({ model: this.name, versions, by }, 'model is unloaded'));
    }
  }

  /** Drains versions that were replaced or not needed, then releases the source they came from. Never rejects. */
  #seeOff(versions: readonly ModelVersion[], source: ModelSource | null): Promise<void> {
    for (const version of versions) this.table.leaving.add(version);
    const retired = versions.map((version) => version.retire().finally(() => this.table.leaving.delete(version)));
    const departure = async (): Promise<void> => {
      const results = await Promise.allSettled(retired);
      for (const result of results) if (result.status === 'rejected') this.#around.onReleaseError(result.reason);
      await source?.release();
    };
    return this.#depart(departure());
  }

  #depart(work: Promise<unknown>): Promise<void> {
    const departure = work.then(
      () => undefined,
      (error: unknown) => this.#around.onReleaseError(error),
    );
    this.#departures.add(departure);
    return departure.then(() => {
      this.#departures.delete(departure);
      this.#considerForgetting();
    });
  }

  #servingNumbers(): readonly number[] {
    return this.table.ready.map(({ version }) => version);
  }
}

/** Triton's sentence for a model that could not even be read, and then why. */
function pollFailed(name: string, error: unknown): InferenceError {
  const { code, message } = toInferenceError(error);
  const sentence = `failed to load '${name}', failed to poll from model repository`;
  if (message.startsWith(sentence)) return toInferenceError(error);
  return new InferenceError(code, `${sentence}: ${message}`, error);
}
