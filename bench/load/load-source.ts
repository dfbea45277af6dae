/** A source of load for a bench: our own generator or h2load. */

import type { GeneratorName } from '../bench-options.ts';
import type { Generator } from './generator.ts';
import { H2load } from './h2load.ts';
import type { LoadPlan, LoadResult } from './load-plan.ts';

export interface LoadSource {
  /** The name in the report. */
  readonly name: string;
  /** Rejects when the server cannot be reached. */
  run(plan: LoadPlan): Promise<LoadResult>;
}

/** @throws Error when h2load is wanted and not there. */
export function loadSource(wanted: GeneratorName, own: Generator, cpu: number | null): LoadSource {
  const isThere = wanted !== 'own' && H2load.isInstalled();
  if (isThere) return new H2load(cpu);
  if (wanted === 'h2load') throw new Error('--generator=h2load: it is not installed (on Debian: nghttp2-client)');
  if (wanted === 'auto') {
    console.error('h2load is not installed: our own generator is used, which is the limit for the fastest servers');
  }
  return { name: 'own', run: (plan) => own.run(plan) };
}
