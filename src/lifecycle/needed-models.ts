/**
 * Gives a model the versions of other models that it needs: waits for those that are being loaded, loads others where
 * load calls are allowed, and refuses cycles and chains that are too long. A model holds a lease on each version it
 * needs.
 */

import { InferenceError, invalidArgument, toInferenceError, unavailable } from '../errors.ts';
import { quoted, shownText } from '../shown-text.ts';
import { unlessAborted } from './abortable.ts';
import type { Lease, ModelVersion } from './model-version.ts';
import { longestChain, type NeedsGraph } from './needs-graph.ts';
import type { ModelRef } from './servable.ts';
import type { VersionTable } from './version-table.ts';

/** A model as those that need it see it. */
interface NeededModel {
  readonly table: VersionTable;
  /** Makes the model follow its needed models again; rejects when that is cancelled. */
  follow(): Promise<void>;
  /** Resolves when every wish so far has been fulfilled or has failed. Never rejects. */
  idle(): Promise<unknown>;
}

interface NeededModelsParts {
  readonly graph: NeedsGraph;
  readonly lifecycle: (name: string) => NeededModel | undefined;
  /** Loads a model that another one needs; null where models come from the repository only. */
  readonly load: ((name: string) => Promise<void>) | null;
  /** A model serves after it has followed another one. */
  readonly onServing: (name: string) => void;
}

export class NeededModels {
  readonly #parts: NeededModelsParts;

  constructor(parts: NeededModelsParts) {
    this.#parts = parts;
  }

  /** Records the models that a model needs, serving or about to be loaded. */
  declare(model: string, needs: readonly ModelRef[]): void {
    this.#parts.graph.declare(model, needs);
  }

  /** Other versions of this model serve than before: those that need it follow. */
  moved(model: string): void {
    const { graph, lifecycle, onServing } = this.#parts;
    for (const name of graph.dependentsOf(model)) {
      const dependent = lifecycle(name);
      void dependent?.follow().then(
        () => {
          if (dependent.table.serving.size > 0) onServing(name);
        },
        // Cancelled by a newer wish.
        () => undefined,
      );
    }
  }

  /** Resolves when the models that need this one, directly or not, have followed it. */
  async dependentsSettled(model: string, seen = new Set<string>()): Promise<void> {
    for (const name of this.#parts.graph.dependentsOf(model)) {
      if (seen.has(name)) continue;
      seen.add(name);
      await this.#parts.lifecycle(name)?.idle();
      await this.dependentsSettled(name, seen);
    }
  }

  /**
   * Leases on the needed versions, in the order of `needs`, which has been declared; the caller releases them. Rejects
   * when one of them does not serve and will not.
   *
   * @param mayLoad whether a model that is not loaded is loaded, where that is allowed at all
   */
  async lease(
    model: string,
    needs: readonly ModelRef[],
    mayLoad: boolean,
    signal: AbortSignal,
  ): Promise<readonly Lease[]> {
    for (const ref of needs) await this.#await(model, ref, mayLoad, signal);
    this.#refuseCycle(model);
    const length = this.#parts.graph.chainFrom(model);
    if (length > longestChain) {
      throw invalidArgument(
        `model '${model}' begins a row of ${length} models that need each other, at most ${longestChain} are allowed`,
      );
    }
    // No await from here on, so that the versions found cannot leave before they are leased.
    const versions = needs.map((ref) => {
      const version = this.#find(ref);
      if (version) return version;
      throw this.#missing(model, ref, null);
    });
    return versions.map((version) => version.lease());
  }

  async #await(model: string, ref: ModelRef, mayLoad: boolean, signal: AbortSignal): Promise<void> {
    this.#refuseCycle(model);
    if (this.#find(ref)) return;
    const lifecycle = this.#parts.lifecycle(ref.model);
    if (lifecycle) await unlessAborted(lifecycle.idle(), signal);
    if (this.#find(ref)) return;
    let cause: InferenceError | null = null;
    if (mayLoad && this.#parts.load) {
      try {
        await unlessAborted(this.#parts.load(ref.model), signal);
      } catch (error) {
        signal.throwIfAborted();
        cause = toInferenceError(error);
        // A newer load may have ended it.
        const after = this.#parts.lifecycle(ref.model);
        if (after) await unlessAborted(after.idle(), signal);
      }
    }
    if (!this.#find(ref)) throw this.#missing(model, ref, cause);
  }

  #find({ model, version }: ModelRef): ModelVersion | undefined {
    const ready = this.#parts.lifecycle(model)?.table.ready;
    return version === null ? ready?.at(-1) : ready?.find((each) => each.version === version);
  }

  #refuseCycle(model: string): void {
    const cycle = this.#parts.graph.cycleThrough(model);
    if (cycle) throw invalidArgument(`model '${model}' needs itself: ${shownText(cycle.join(' → '))}`);
  }

  /** Triton's sentence for an ensemble, and why. */
  #missing(model: string, ref: ModelRef, cause: InferenceError | null): InferenceError {
    const table = this.#parts.lifecycle(ref.model)?.table;
    const loaded = table?.ready.map(({ version }) => version) ?? [];
    const which = ref.version === null ? '' : ` ${ref.version}`;
    const sentence = `model '${model}' depends on ${quoted(ref.model)} which has no loaded version${which}`;
    if (loaded.length > 0) return unavailable(`${sentence}, it serves ${loaded.join(', ')}`);
    const reason = cause?.message.trim() ?? [...(table?.failures.values() ?? [])].join('; ').trim();
    if (reason === '') return unavailable(sentence, cause);
    const text = `${sentence}. Model ${quoted(ref.model)} loading failed with error: ${reason}`;
    return new InferenceError(cause?.code ?? 'unavailable', text, cause);
  }
}
