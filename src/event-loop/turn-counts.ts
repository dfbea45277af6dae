/** How often the event loops of all threads were held for how long, in memory that the threads share. */

import type { EventLoopTurn } from '../time.ts';

/**
 * Upper bounds in milliseconds: three in each power of ten, from turns that nobody notices to those that clients see as
 * timeouts.
 */
export const turnBoundsMs: Float64Array = Float64Array.of(1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000);

/** The cells behind the counts, in the order of `native/binding/turn_watch.cc`. */
const cell = { sumNs: 0, longTurns: 1, longestMs: 2, longestEndMs: 3, longestRanMs: 4 } as const;
const cellCount = 5;
const countCells = turnBoundsMs.length + 1;
const rowCells = countCells + cellCount;
const rowBytes = rowCells * Float64Array.BYTES_PER_ELEMENT;

/** The longest of the turns that were told. */
export interface LongTurns {
  /** How many there were since they were last taken. */
  readonly count: number;
  readonly heldMs: number;
  /** When the longest ended: milliseconds of `process.hrtime`. */
  readonly endMs: number;
  /** CPU time that the thread had meanwhile, to a millisecond. */
  readonly ranMs: number;
}

/** The turns of one thread. */
export class TurnRow implements EventLoopTurn {
  /** For the addon, which writes it. */
  readonly cells: Float64Array;

  constructor(cells: Float64Array) {
    this.cells = cells;
  }

  /** Turns for each bound, not cumulated, and those that took longer than the last. */
  get counts(): Float64Array {
    return this.cells.subarray(0, countCells);
  }

  /** The time that all turns took is added to when one ends. */
  get id(): number {
    return this.#read(cell.sumNs);
  }

  get sumSeconds(): number {
    return this.#read(cell.sumNs) / 1e9;
  }

  /** Reads the long turns and forgets them; only on the thread of the row. Null when there were none. */
  takeLong(): LongTurns | null {
    const count = this.#read(cell.longTurns);
    if (count === 0) return null;
    this.cells[countCells + cell.longTurns] = 0;
    return {
      count,
      heldMs: this.#read(cell.longestMs),
      endMs: this.#read(cell.longestEndMs),
      ranMs: this.#read(cell.longestRanMs),
    };
  }

  #read(index: number): number {
    return this.cells[countCells + index] as number;
  }
}

/** A row for the main thread, and one for each frontend thread; a thread that replaces another continues its row. */
export class TurnCounts {
  readonly shared: SharedArrayBuffer;

  /** @param shared As another thread's `shared`. */
  constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
  }

  static of(threads: number): TurnCounts {
    return new TurnCounts(new SharedArrayBuffer(threads * rowBytes));
  }

  row(thread: number): TurnRow {
    return new TurnRow(new Float64Array(this.shared, thread * rowBytes, rowCells));
  }

  /** In order; the main thread is the first. */
  rows(): readonly TurnRow[] {
    return Array.from({ length: this.shared.byteLength / rowBytes }, (_, thread) => this.row(thread));
  }
}
