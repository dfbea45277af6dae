/**
 * One direction of a link: a lock-free ring buffer in shared memory that carries entries of four numbers from one
 * thread to another, in order. The link gives the entries their meaning. One thread writes and one reads; neither waits
 * for the other: entries that do not fit are kept by the writer until the reader has made room.
 */

/** Kind, call, page, offset. */
const entryNumbers = 4;
const capacity = 4096;

/** Positions of the shared numbers, each in a cache line of its own. */
const writtenAt = 0;
const readAt = 16;
const fullAt = 32;
const entriesAt = 48;

const ringBytes: number = (entriesAt + capacity * entryNumbers) * 4;

/** Bytes of a new ring, to be shared with the other thread. */
export const makeRing = (): SharedArrayBuffer => new SharedArrayBuffer(ringBytes);

export class RingWriter {
  readonly #numbers: Int32Array;
  #written = 0;
  /** Entries that found no room, in order; four numbers each. */
  #waiting: number[] = [];

  constructor(memory: SharedArrayBuffer) {
    this.#numbers = new Int32Array(memory);
  }

  /** Entries that the reader cannot see yet. */
  get waitingCount(): number {
    return this.#waiting.length / entryNumbers;
  }

  /** Writes an entry, which the reader sees when it next reads; the caller wakes the reader. */
  push(kind: number, call: number, page: number, offset: number): void {
    if (this.#waiting.length === 0 && this.#tryWrite(kind, call, page, offset)) return;
    this.#waiting.push(kind, call, page, offset);
    Atomics.store(this.#numbers, fullAt, 1);
    // The reader may have made room in the meantime, and would not report it.
    this.flush();
  }

  /**
   * Writes waiting entries as far as there is room. Called when the reader has made room.
   *
   * @returns Whether there are new entries for the reader, which may be asleep.
   */
  flush(): boolean {
    const waiting = this.#waiting;
    if (waiting.length === 0) return false;
    let at = 0;
    while (at < waiting.length) {
      const [kind, call, page, offset] = waiting.slice(at, at + entryNumbers) as [number, number, number, number];
      if (!this.#tryWrite(kind, call, page, offset)) break;
      at += entryNumbers;
    }
    this.#waiting = at === 0 ? waiting : waiting.slice(at);
    if (this.#waiting.length > 0) Atomics.store(this.#numbers, fullAt, 1);
    return at > 0;
  }

  #tryWrite(kind: number, call: number, page: number, offset: number): boolean {
    const numbers = this.#numbers;
    const written = this.#written;
    if (((written - Atomics.load(numbers, readAt)) | 0) >= capacity) return false;
    const at = entriesAt + (written & (capacity - 1)) * entryNumbers;
    numbers[at] = kind;
    numbers[at + 1] = call;
    numbers[at + 2] = page;
    numbers[at + 3] = offset;
    this.#written = (written + 1) | 0;
    Atomics.store(numbers, writtenAt, this.#written);
    return true;
  }
}

/** Returns how much work the entry was, in any unit: it counts towards the work of one `drain`. */
export type EntryListener = (kind: number, call: number, page: number, offset: number) => number;

export class RingReader {
  readonly #numbers: Int32Array;
  #read = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#numbers = new Int32Array(memory);
  }

  /** Whether every entry that the writer has made visible was handed over. */
  get isEmpty(): boolean {
    return this.#read === Atomics.load(this.#numbers, writtenAt);
  }

  /**
   * Hands over entries, also those that arrive meanwhile, until none is left or they were so much work; at least one if
   * there is one. The writer does not ring again for those that are left: the caller drains again unless `isEmpty`.
   *
   * @returns how much work they were.
   */
  drain(listener: EntryListener, maxWork: number): number {
    const numbers = this.#numbers;
    let work = 0;
    while (work < maxWork && !this.isEmpty) {
      const at = entriesAt + (this.#read & (capacity - 1)) * entryNumbers;
      const kind = numbers[at] as number;
      const call = numbers[at + 1] as number;
      const page = numbers[at + 2] as number;
      const offset = numbers[at + 3] as number;
      this.#read = (this.#read + 1) | 0;
      Atomics.store(numbers, readAt, this.#read);
      work += listener(kind, call, page, offset);
    }
    return work;
  }

  /** Whether the writer waits to be told that there is room again; asked after each drain, and answered once. */
  takeRoomWanted(): boolean {
    return Atomics.exchange(this.#numbers, fullAt, 0) === 1;
  }
}
