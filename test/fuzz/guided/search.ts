/**
 * The search: inputs are changed, run, and kept when they went where none had gone. What breaks a rule is made as short as it
 * gets and handed over, once for each place where it breaks.
 */

import type { Chance } from './chance.ts';
import { Corpus, takeFeatures } from './corpus.ts';
import { cut, Mutator } from './mutator.ts';
import type { FuzzTarget } from './target.ts';

/** A run that takes longer is a finding. */
const maxRunMs = 1000;
/** Runs to make a finding shorter. */
const maxTrims = 3000;
const runsPerTurn = 512;
const stackFrames = 10;

export interface Finding {
  readonly input: Buffer;
  readonly error: Error;
}

export interface SearchOptions {
  readonly target: FuzzTarget;
  readonly hits: Uint8ClampedArray;
  /** Counters in use. */
  readonly counters: number;
  readonly words: readonly string[];
  readonly inputs: readonly Uint8Array[];
  readonly chance: Chance;
  /** Before each run, so that somebody else can tell which one does not come to an end. */
  readonly onRun: (bytes: Buffer) => void;
  readonly onFinding: (finding: Finding) => void;
  /** About once a second. */
  readonly onProgress: (search: Search) => void;
}

export class Search {
  readonly corpus: Corpus;
  runs = 0;
  /** Counters that counted while the modules were loaded. */
  readonly #loaded = new Set<number>();
  readonly #options: SearchOptions;
  readonly #mutator: Mutator;
  readonly #known = new Set<string>();

  constructor(options: SearchOptions) {
    const { target, words, chance } = options;
    this.#options = options;
    this.corpus = new Corpus(chance);
    const pieces = [...target.words, ...words].map((word) => Buffer.from(word as string, 'latin1'));
    this.#mutator = new Mutator(chance, pieces, target.maxBytes);
  }

  /** Branches that an input can reach: without those that only ran when their modules were loaded. */
  get branchCount(): number {
    let onlyLoaded = 0;
    for (const counter of this.#loaded) if (!this.corpus.hasReached(counter)) onlyLoaded++;
    return this.#options.counters - onlyLoaded;
  }

  hasMissed(counter: number): boolean {
    return !this.#loaded.has(counter) && !this.corpus.hasReached(counter);
  }

  async start(): Promise<void> {
    const { target, inputs, hits, counters } = this.#options;
    for (const feature of takeFeatures(hits, counters)) this.#loaded.add(feature >> 3);
    for (const bytes of [...target.seeds, ...inputs]) await this.#try(Buffer.from(bytes.subarray(0, target.maxBytes)));
  }

  async search(ms: number): Promise<void> {
    const untilMs = performance.now() + ms;
    let toldAtMs = performance.now();
    while (performance.now() < untilMs) {
      for (let i = 0; i < runsPerTurn; i++) await this.#try(this.#next());
      await new Promise(setImmediate);
      if (performance.now() - toldAtMs < 1000) continue;
      toldAtMs = performance.now();
      this.#options.onProgress(this);
    }
  }

  #next(): Buffer {
    const { target, chance } = this.#options;
    const { bytes } = this.corpus.choose();
    const other = this.corpus.choose().bytes;
    const changed = chance.oneIn(2) ? (target.change?.(bytes, other, chance) ?? null) : null;
    if (changed === null) return this.#mutator.mutated(bytes, other);
    return changed.length <= target.maxBytes ? changed : Buffer.from(changed.subarray(0, target.maxBytes));
  }

  async #try(bytes: Buffer): Promise<void> {
    const { hits, counters, onFinding } = this.#options;
    const error = await this.#failure(bytes);
    const features = takeFeatures(hits, counters);
    if (error === null) this.corpus.add(bytes, features);
    else if (!this.#known.has(placeOf(error))) {
      this.#known.add(placeOf(error));
      onFinding({ input: await this.#shortened(bytes, placeOf(error)), error });
    }
  }

  /** What went wrong in a run; null for nothing. Errors that are caught are many: they get a stack only where one counts. */
  async #failure(bytes: Buffer): Promise<Error | null> {
    Error.stackTraceLimit = 0;
    const error = await this.#outcome(bytes);
    Error.stackTraceLimit = stackFrames;
    return error === null ? null : ((await this.#outcome(bytes)) ?? error);
  }

  async #outcome(bytes: Buffer): Promise<Error | null> {
    const { target, onRun } = this.#options;
    this.runs++;
    onRun(bytes);
    const startMs = performance.now();
    try {
      const running = target.run(Buffer.from(bytes));
      if (running !== undefined) await running;
    } catch (error) {
      return error instanceof Error ? error : new Error(`threw ${String(error)}`);
    }
    const tookMs = performance.now() - startMs;
    return tookMs < maxRunMs ? null : new Error(`took longer than ${maxRunMs} ms: ${Math.round(tookMs)}`);
  }

  async #shortened(bytes: Buffer, place: string): Promise<Buffer> {
    let best = bytes;
    let trims = 0;
    for (let length = 1 << Math.floor(Math.log2(best.length + 1)); length >= 1; length >>= 1) {
      for (let at = 0; at < best.length && trims < maxTrims; trims++) {
        const shorter = cut(best, at, length);
        const error = await this.#failure(shorter);
        if (error !== null && placeOf(error) === place) best = shorter;
        else at += length;
      }
    }
    takeFeatures(this.#options.hits, this.#options.counters);
    return best;
  }
}

/** Two errors of the same place are one finding: what was thrown, without numbers and quotations, and by which line. */
function placeOf(error: Error): string {
  const frame = error.stack?.split('\n').find((line) => /^\s+at /.test(line) && !line.includes('guided/target.')) ?? '';
  const message = error.message.split(/[…'"\d]/, 1)[0];
  return `${error.name} ${message} ${frame.replace(/^.*[\\/]/, '')}`;
}
