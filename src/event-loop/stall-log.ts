/** Writes a line when an event loop was held for long, with the work that held it. */

import type { Logger } from '../logger.ts';
import type { Clock } from '../time.ts';
import type { NativeTurns } from './native-turns.ts';
import { type LongTurns, turnBoundsMs, type TurnRow } from './turn-counts.ts';
import type { WorkSpans } from './work-spans.ts';

/** Turns of this length are told: a client sees them as a slow answer whatever it asked. */
const longMs = 50;
/** A line comes so long after its turn, because collections of garbage are reported late. */
const reportAfterMs = 200;
/** At most one line in this time; it tells the longest turn and how many there were. */
const quietMs = 10_000;
/** The parts of a turn that a line names. */
const namedWork = 3;

interface StallLogOptions {
  readonly native: NativeTurns;
  readonly row: TurnRow;
  readonly spans: WorkSpans;
  /** Named in the lines. */
  readonly thread: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds of `process.hrtime`. */
  readonly hrtimeMs: () => number;
  /** Begins to add collections of garbage to the spans; see `GarbageSpans`. */
  readonly watchGarbage: () => void;
}

export class StallLog {
  readonly #options: StallLogOptions;
  readonly #end: () => void;
  #isTelling = false;
  #longest: LongTurns | null = null;
  /** The work of the longest, taken at once, because spans are soon overwritten. */
  #work: ReadonlyMap<string, number> = new Map();
  #turns = 0;
  #lastLineMs = Number.NEGATIVE_INFINITY;
  #cancelReport: (() => void) | null = null;

  constructor(options: StallLogOptions) {
    this.#options = options;
    const { native, row } = options;
    this.#end = native.watchTurns(turnBoundsMs, longMs, row.cells, () => this.#onLong());
  }

  /** Tells long turns that come after this one: while the thread starts, nobody waits for it. */
  begin(): void {
    const { clock, row } = this.#options;
    // The first of the two may still come in this turn.
    clock.soon(() =>
      clock.soon(() => {
        row.takeLong();
        this.#isTelling = true;
      }),
    );
  }

  close(): void {
    this.#end();
    this.#cancelReport?.();
  }

  #onLong(): void {
    const { row, clock } = this.#options;
    const long = row.takeLong();
    if (long === null || !this.#isTelling) return;
    this.#turns += long.count;
    if (this.#longest === null || long.heldMs > this.#longest.heldMs) {
      this.#longest = long;
      this.#work = this.#workOf(long);
      this.#options.watchGarbage();
    }
    const atMs = Math.max(clock.now() + reportAfterMs, this.#lastLineMs + quietMs);
    this.#cancelReport ??= clock.schedule(atMs, () => this.#report());
  }

  #workOf({ heldMs, endMs }: LongTurns): ReadonlyMap<string, number> {
    const { spans, clock, hrtimeMs } = this.#options;
    const endedMs = clock.now() - (hrtimeMs() - endMs);
    return spans.between(endedMs - heldMs, endedMs);
  }

  #report(): void {
    this.#cancelReport = null;
    const long = this.#longest;
    if (long === null) return;
    const { thread, clock, logger } = this.#options;
    const work = new Map([...this.#work, ...this.#workOf(long)]);
    const fields = {
      thread,
      heldMs: Math.round(long.heldMs),
      ranMs: Math.round(long.ranMs),
      work: Object.fromEntries([...work].map(([name, ms]) => [name, Math.round(ms)])),
      turns: this.#turns,
    };
    logger.warn(
      fields,
      `the event loop of the ${thread} thread was held for ${fields.heldMs} ms: ${causeOf(long, work)}`,
    );
    this.#longest = null;
    this.#turns = 0;
    this.#lastLineMs = clock.now();
  }
}

function causeOf({ heldMs, ranMs }: LongTurns, work: ReadonlyMap<string, number>): string {
  const named = [...work].slice(0, namedWork).map(([name, ms]) => `${name} took ${Math.round(ms)} ms`);
  // A thread that waits for a processor holds up its clients as well, but nothing that it does is the reason.
  if (ranMs < heldMs / 2) {
    named.unshift(`it had a processor for only ${Math.round(ranMs)} ms (other work of the machine, or a CPU limit)`);
  }
  return named.length > 0 ? named.join(', ') : 'no single piece of work was long';
}
