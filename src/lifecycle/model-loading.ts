/**
 * How one model comes into service: a wish reads its source, waits for the models that the source needs, prepares new
 * versions beside the serving ones, and switches to them in one step. Also how a model follows the models that it
 * needs. The order of wishes and the draining of versions are in `model-lifecycle.ts`.
 */

import { causeField, InferenceError, toInferenceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { unlessAborted } from './abortable.ts';
import { type ChangeSurroundings, ModelChange } from './model-change.ts';
import type { ModelSource } from './model-source.ts';
import type { Lease, ModelVersion } from './model-version.ts';
import type { NeededModels } from './needed-models.ts';
import { reconcile } from './reconcile.ts';
import type { Sighting } from './repository-view.ts';
import type { ModelRef } from './servable.ts';
import type { VersionTable } from './version-table.ts';
import type { LoadWish, WishOrigin } from './wish.ts';
import { WithoutVersionError, withoutVersionText } from './without-version.ts';

export interface LoadSurroundings extends ChangeSurroundings {
  readonly logger: Logger;
  readonly needed: NeededModels;
}

/** The model that is loaded. */
export interface LoadedModel {
  readonly table: VersionTable;
  /** The source and the scan of the serving versions; null when nothing serves. */
  readonly source: ModelSource | null;
  readonly sighting: Sighting | null;
  /** Versions take over; replaced versions drain in the background. */
  replace(
    next: ReadonlyMap<number, ModelVersion>,
    source: ModelSource | null,
    sighting: Sighting | null,
    by: WishOrigin,
  ): void;
  /** Drains versions that were replaced or not needed, then releases the source they came from. Never rejects. */
  drainVersions(versions: readonly ModelVersion[], source: ModelSource | null): Promise<void>;
  /** Continues work in the background and reports its failure. */
  inBackground(work: Promise<unknown>): Promise<void>;
}

/** A source that would serve if the needed models did. */
interface Waiting {
  readonly sighting: Sighting;
  readonly needs: readonly ModelRef[];
}

export class ModelLoading {
  readonly #lifecycle: LoadedModel;
  readonly #around: LoadSurroundings;
  #waiting: Waiting | null = null;
  /** The versions of other models with which the serving versions were loaded. */
  #neededBefore: readonly ModelVersion[] = [];

  constructor(lifecycle: LoadedModel, around: LoadSurroundings) {
    this.#lifecycle = lifecycle;
    this.#around = around;
  }

  get #name(): string {
    return this.#lifecycle.table.model;
  }

  /** The models that the serving or waiting source needs. */
  get needs(): readonly ModelRef[] {
    return [...(this.#lifecycle.source?.needs ?? []), ...(this.#waiting?.needs ?? [])];
  }

  /** The model was taken out of service, and waits for nothing. */
  forget(): void {
    this.#waiting = null;
    this.#neededBefore = [];
  }

  /** @param onSeen called with the fingerprint of the files that are about to be loaded */
  async load(wish: LoadWish, signal: AbortSignal, onSeen: (fingerprint: string) => void): Promise<void> {
    const { logger } = this.#around;
    try {
      signal.throwIfAborted();
      const sighting = await this.#look(wish, signal);
      onSeen(sighting.fingerprint);
      await this.#loadSighting(sighting, wish.by, signal);
    } catch (cause) {
      const error = toInferenceError(cause);
      const fields = { model: this.#name, by: wish.by };
      if (signal.aborted) logger.info(fields, error.message);
      else logger.error({ ...fields, ...causeField(error) }, error.message.trim());
      throw error;
    }
  }

  /**
   * Other versions of a needed model serve than before: moves to them, comes into service if it waited for them, or
   * leaves it. Rejects only with the reason of `signal`.
   */
  async follow(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiting && (await this.#tryWaiting(this.#waiting, signal))) return;
    const { source, sighting } = this.#lifecycle;
    if (!source || !sighting || source.needs.length === 0) return;
    try {
      await this.#become(source, sighting, 'follow', signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#strand(source, sighting, toInferenceError(error));
    }
  }

  async #tryWaiting({ sighting }: Waiting, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#loadSighting(sighting, 'follow', signal);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      this.#around.logger.info({ model: this.#name, by: 'follow' }, toInferenceError(error).message.trim());
      return false;
    }
  }

  /** Takes the model out of service without the needed models; it serves again as soon as they do. */
  #strand(source: ModelSource, sighting: Sighting, error: InferenceError): void {
    this.#around.logger.error({ model: this.#name, by: 'follow' }, `out of service: ${error.message}`);
    this.#lifecycle.replace(new Map(), null, null, 'follow');
    this.#lifecycle.table.failures = new Map(source.versions.map((version) => [version, error.message]));
    this.#neededBefore = [];
    if (sighting.isInRepository) this.#waiting ??= { sighting, needs: source.needs };
  }

  async #look({ look, peek }: LoadWish, signal: AbortSignal): Promise<Sighting> {
    const looking = look();
    try {
      return await unlessAborted(looking, signal);
    } catch (error) {
      if (!signal.aborted) throw pollFailed(this.#name, error);
      // Files that a call brought may still be being written; they have to be removed.
      if (peek === null)
        void this.#lifecycle.inBackground(
          looking.then(
            (sighting) => sighting.discard(),
            () => undefined,
          ),
        );
      throw error;
    }
  }

  async #loadSighting(sighting: Sighting, by: WishOrigin, signal: AbortSignal): Promise<void> {
    const source = await this.#read(sighting, by, signal);
    this.#waiting = null;
    await this.#become(source, sighting, by, signal);
  }

  async #read(sighting: Sighting, by: WishOrigin, signal: AbortSignal): Promise<ModelSource> {
    try {
      return await unlessAborted(sighting.source(), signal, (late) => this.#lifecycle.inBackground(late.release()));
    } catch (error) {
      if (signal.aborted) throw error;
      const { code, message } = toInferenceError(error);
      // With two folders of one name it is undefined which one should serve: neither does, as in Triton.
      if (code === 'already_exists') this.#lifecycle.replace(new Map(), null, null, by);
      if (sighting.isInRepository) this.#lifecycle.table.failures = new Map([[0, message]]);
      throw pollFailed(this.#name, error);
    }
  }

  /**
   * Makes the model what `source` says. New versions load beside the serving ones; only when everything is ready do
   * they take over, in one step, and the replaced ones drain in the background. If anything fails, all new versions are
   * dropped.
   */
  async #become(source: ModelSource, sighting: Sighting, by: WishOrigin, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#around;
    const { table } = this.#lifecycle;
    const startedMs = clock.now();
    const change = new ModelChange(source, table, this.#around, signal);
    const before = table.ready.map(({ version }) => version);
    // Held until the new versions hold them themselves, or have failed.
    let held: readonly Lease[] = [];
    try {
      if (source.versions.length === 0) throw this.#withoutVersion();
      if (source.needs.length > 0) held = await this.#lease(source, sighting, by, signal);
      const needed = held.map(({ version }) => version);
      const isMoved = needed.some((version, i) => version !== this.#neededBefore[i]);
      if (source === this.#lifecycle.source && !isMoved) return;
      const difference = this.#lifecycle.source && source.changeSince(this.#lifecycle.source);
      const steps = reconcile(
        {
          kind: 'serve',
          versions: source.versions,
          reloads: (version) => isMoved || (difference?.reloads(version) ?? true),
          resizes: difference?.adjustsInstances ?? false,
        },
        before,
      );
      for (const step of steps) {
        if (step.kind === 'load') {
          logger.info({ model: this.#name, versions: step.versions, by }, 'loading');
          await change.load(step.versions, needed);
        } else if (step.kind === 'resize') await change.resize(step.versions);
        else if (step.kind === 'commit') this.#lifecycle.replace(change.commit(step.stay), source, sighting, by);
      }
      this.#neededBefore = needed;
    } catch (error) {
      // Also when the repository has no folder for the model: then the reason is no longer of use.
      if (!sighting.isInRepository && table.isIdle) table.failures = new Map();
      void this.#lifecycle.inBackground(change.undo());
      void this.#lifecycle.drainVersions(change.fresh, source === this.#lifecycle.source ? null : source);
      throw error;
    } finally {
      for (const lease of held) lease.release();
    }
    const fresh = change.fresh.map(({ version }) => version);
    const removed = before.filter((version) => !source.versions.includes(version));
    const tookMs = Math.round(clock.now() - startedMs);
    logger.info({ model: this.#name, versions: source.versions, new: fresh, removed, by, tookMs }, 'model is ready');
  }

  /** Where they do not serve, this model waits for them, unless a call brought its files. */
  async #lease(
    source: ModelSource,
    sighting: Sighting,
    by: WishOrigin,
    signal: AbortSignal,
  ): Promise<readonly Lease[]> {
    const { needed } = this.#around;
    needed.declare(this.#name, [...source.needs, ...this.needs]);
    try {
      return await needed.lease(this.#name, source.needs, by !== 'follow', signal);
    } catch (error) {
      signal.throwIfAborted();
      if (source !== this.#lifecycle.source) {
        if (sighting.isInRepository) this.#waiting = { sighting, needs: source.needs };
        const { message } = toInferenceError(error);
        this.#lifecycle.table.failures = new Map(source.versions.map((version) => [version, message]));
      }
      throw error;
    }
  }

  #withoutVersion(): InferenceError {
    const error = new WithoutVersionError(withoutVersionText(this.#name));
    this.#lifecycle.table.failures = new Map([[0, error.message]]);
    return error.forLoad(this.#name);
  }
}

/** Triton's sentence for a model that could not even be read, and then why. */
function pollFailed(name: string, error: unknown): InferenceError {
  if (error instanceof WithoutVersionError) return error.forLoad(name);
  const { code, message } = toInferenceError(error);
  const sentence = `failed to load '${name}', failed to poll from model repository`;
  if (message.startsWith(sentence)) return toInferenceError(error);
  return new InferenceError(code, `${sentence}: ${message}`, error);
}
