/**
 * The bytes that wait for each connection of a thread, in memory that all threads share. Only the thread of the
 * connections writes there; the thread that schedules reads it, so that it refuses answers to a connection that does not
 * read before it copies them.
 */

/** Numbers of connections, without 0. If a thread has more connections at once, some share a number, and its account. */
const highestNumber = 4095;

/** Published in this unit. */
export const waitingUnitBytes = 1024;

/** In `Int32Array` elements. */
export const connectionAccountNumbers: number = highestNumber + 1;

/** For requests whose connection has no account. */
export const noConnection = 0;

export class ConnectionAccounts {
  readonly #published: Int32Array;
  readonly #bytes = new Float64Array(highestNumber + 1);
  readonly #users = new Uint32Array(highestNumber + 1);
  #last = 0;

  /** @param published `connectionAccountNumbers` elements of shared memory. */
  constructor(published: Int32Array) {
    this.#published = published;
  }

  /** A number for a new connection, from 1 on; one that nobody has, if there is one. */
  open(): number {
    let number = this.#next();
    for (let tried = 1; (this.#users[number] as number) > 0 && tried < highestNumber; tried++) number = this.#next();
    this.#users[number] = (this.#users[number] as number) + 1;
    return number;
  }

  /** The connection has ended. What is still counted for it is released as usual. */
  close(number: number): void {
    this.#users[number] = (this.#users[number] as number) - 1;
  }

  /** So many bytes more wait for the connection; negative: fewer. Nothing happens for `noConnection`. */
  add(number: number, bytes: number): void {
    if (number === noConnection) return;
    const waiting = (this.#bytes[number] as number) + bytes;
    this.#bytes[number] = waiting;
    const units = Math.ceil(waiting / waitingUnitBytes);
    if (this.#published[number] !== units) this.#published[number] = units;
  }

  #next(): number {
    this.#last = (this.#last % highestNumber) + 1;
    return this.#last;
  }
}

/** What waits for one connection: counted in the account of its thread, and for the connection. */
export class ConnectionAccount {
  readonly number: number;
  readonly #accounts: ConnectionAccounts;
  readonly #count: (bytes: number) => void;

  /** @param count counts for the thread */
  constructor(accounts: ConnectionAccounts, count: (bytes: number) => void) {
    this.number = accounts.open();
    this.#accounts = accounts;
    this.#count = count;
  }

  add(bytes: number): void {
    this.#count(bytes);
    this.#accounts.add(this.number, bytes);
  }

  close(): void {
    this.#accounts.close(this.number);
  }
}
