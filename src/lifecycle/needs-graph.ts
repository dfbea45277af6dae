/** The graph of models that need others, for serving models and models being loaded. It finds cycles and dependents. */

import type { ModelRef } from './servable.ts';

/**
 * The most models in a chain in which each needs the next. More than this is a mistake, and each adds a step to every
 * request.
 */
export const longestChain = 8;

export class NeedsGraph {
  readonly #needs = new Map<string, readonly ModelRef[]>();

  /** Replaces the earlier needs of this model. */
  declare(model: string, needs: readonly ModelRef[]): void {
    if (needs.length === 0) this.#needs.delete(model);
    else this.#needs.set(model, needs);
  }

  needsOf(model: string): readonly ModelRef[] {
    return this.#needs.get(model) ?? [];
  }

  /** Names of the models that need this one directly. */
  dependentsOf(model: string): readonly string[] {
    return [...this.#needs].filter(([, needs]) => needs.some((ref) => ref.model === model)).map(([name]) => name);
  }

  /** The way from a model back to itself, its name first and last; null where there is none. */
  cycleThrough(model: string): readonly string[] | null {
    const seen = new Set<string>();
    const wayBack = (at: string): readonly string[] | null => {
      for (const { model: next } of this.needsOf(at)) {
        if (next === model) return [at, model];
        if (seen.has(next)) continue;
        seen.add(next);
        const rest = wayBack(next);
        if (rest) return [at, ...rest];
      }
      return null;
    };
    return wayBack(model);
  }

  /**
   * Models in the longest chain that begins with this one; 1 when it needs none. Counting stops when the chain is too
   * long.
   */
  chainFrom(model: string, above: readonly string[] = []): number {
    const way = [...above, model];
    if (way.length > longestChain) return 1;
    const below = this.needsOf(model).filter((ref) => !way.includes(ref.model));
    return 1 + Math.max(0, ...below.map((ref) => this.chainFrom(ref.model, way)));
  }
}
