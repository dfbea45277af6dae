/** Which models need which: what serves and what is being loaded. It finds cycles and who depends on whom. */

import type { ModelRef } from './servable.ts';

/** Models in a row, each needing the next. More than this is a mistake, and each adds a step to every request. */
export const longestChain = 8;

export class NeedsGraph {
  readonly #needs = new Map<string, readonly ModelRef[]>();

  /** Replaces what was said of this model before. */
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

  /** Models in the longest row that begins with this one; 1 where it needs none. Not counted on once it is too long. */
  chainFrom(model: string, above: readonly string[] = []): number {
    const way = [...above, model];
    if (way.length > longestChain) return 1;
    const below = this.needsOf(model).filter((ref) => !way.includes(ref.model));
    return 1 + Math.max(0, ...below.map((ref) => this.chainFrom(ref.model, way)));
  }
}
