/**
 * Bounds the entries that all links of a thread read in one turn of its event loop, so that sockets and other links are
 * served in between: a record can have hundreds of thousands of numbers, and a ring thousands of records.
 */

/** The unit of work is one number of a record, which costs some 0.1 µs to read. */
const maxWork = 64 * 1024;

/** Less work than this is not forgotten at the end of a turn, because asking for that end has a cost as well. */
const forgottenFrom = maxWork / 8;

/** An entry without a record, as a release: as much work as so many numbers. */
export const entryWork = 16;

/** A link that has entries to read. */
export interface EntryReader {
  /** Reads entries until they were so much work; at least one if there is one. @returns the work. */
  read(maxWork: number): number;
  /** Whether entries are left. */
  readonly hasMore: boolean;
}

export class LinkTurn {
  #done = 0;
  /** Links with entries for later turns, in the order in which they read. */
  readonly #waiting = new Set<EntryReader>();
  #end: NodeJS.Immediate | null = null;

  /** Lets a link read as much as this turn has left, and the rest in later turns. */
  enter(link: EntryReader): void {
    if (this.#waiting.has(link)) return;
    if (this.#done < maxWork) this.#read(link);
    else this.#waiting.add(link);
  }

  /** The link reads nothing any more. */
  leave(link: EntryReader): void {
    this.#waiting.delete(link);
  }

  #read(link: EntryReader): void {
    this.#done += link.read(maxWork - this.#done);
    if (link.hasMore) this.#waiting.add(link);
    if (this.#done >= forgottenFrom || this.#waiting.size > 0) this.#end ??= setImmediate(this.#next);
  }

  readonly #next = (): void => {
    this.#end = null;
    this.#done = 0;
    for (const link of this.#waiting) {
      if (this.#done >= maxWork) break;
      this.#waiting.delete(link);
      this.#read(link);
    }
    if (this.#waiting.size > 0) this.#end ??= setImmediate(this.#next);
  };
}
