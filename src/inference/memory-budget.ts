/**
 * The limit on the memory of all requests and answers together: received bytes, decoded requests, and answers
 * that wait for their clients. Memory is counted where it is taken, so nothing is held without being counted.
 *
 * Each thread has its own account, which costs an addition, and publishes it in memory that all threads share.
 */

import { InferenceError, resourceExhausted } from '../errors.ts';
import {
  ConnectionAccount,
  ConnectionAccounts,
  connectionAccountNumbers,
  waitingUnitBytes,
} from './connection-accounts.ts';

/** Accounts are published in this unit: 31 bits of it are two tebibytes. */
const unitBytes = 1024;

/** Changes below this are not published, so that small requests do not move memory between cores. */
const publishedStepBytes = 64 * 1024;

/** The number of an account is in a cache line of its own; the accounts of its connections follow. */
const ownNumbers = 16;

/** Accounts lie so many numbers apart. */
const accountStride = ownNumbers + connectionAccountNumbers;

/** Answers up to this are always sent to a client that reads: a refusal is hardly smaller. */
const freeAnswerBytes = 16 * 1024;

/** Messages up to this are always received, because health has to be answered most of all when memory is short. */
const freeMessageBytes = 1024;

/** The part of the limit that requests leave for answers: one over this. Without it a full queue could not drain. */
const answerShare = 8;

/**
 * Messages that are always received may exceed the limit by one over this, or by `leastExcessBytes`: many small ones
 * are a lot.
 */
const excessShare = 8;
const leastExcessBytes = 1024 * 1024;

/**
 * A request is alone when all others together have no more than this: heads and health checks. Less where the limit is
 * small.
 */
const othersBytes = 64 * 1024;
const othersShare = 16;

/** The part of the limit from which on memory is short, as one less this part: before requests are refused. */
const shortShare = 4;

/** Waiting bytes of a client that are no sign of one that does not read. */
const unsharedBytes = 1024 * 1024;

/** A request that could not be taken even if it were alone, so that no retry helps: HTTP answers 413, not 503. */
export class RequestTooLargeError extends InferenceError {
  constructor(message: string) {
    super('resource_exhausted', message);
  }
}

export class MemoryBudget {
  readonly limitBytes: number;
  /** The accounts of all threads, to be given to `MemoryBudget` in another thread. */
  readonly shared: SharedArrayBuffer;
  /** For the connections of this thread. */
  readonly connections: ConnectionAccounts;
  readonly #requestLimitBytes: number;
  readonly #shortBytes: number;
  /** The limit for the smallest messages. */
  readonly #lastLimitBytes: number;
  /** Bytes that others may have beside a request that is alone. */
  readonly #othersBytes: number;
  readonly #accounts: Int32Array;
  readonly #at: number;
  #ownBytes = 0;
  #publishedBytes = 0;

  /**
   * @param limitBytes At least 1.
   * @param shared     `MemoryBudget.shared` of another thread, or the result of `MemoryBudget.accounts`.
   * @param account    Of this thread among those; two threads never have the same.
   */
  constructor(limitBytes: number, shared: SharedArrayBuffer = MemoryBudget.accounts(1), account = 0) {
    this.limitBytes = limitBytes;
    this.#shortBytes = limitBytes - Math.floor(limitBytes / shortShare);
    this.#requestLimitBytes = limitBytes - Math.floor(limitBytes / answerShare);
    this.#lastLimitBytes = limitBytes + Math.max(leastExcessBytes, Math.floor(limitBytes / excessShare));
    this.#othersBytes = Math.min(othersBytes, Math.floor(limitBytes / othersShare));
    this.shared = shared;
    this.#accounts = new Int32Array(shared);
    this.#at = account * accountStride;
    const connectionsAt = this.#at + ownNumbers;
    const published = this.#accounts.subarray(connectionsAt, connectionsAt + connectionAccountNumbers);
    this.connections = new ConnectionAccounts(published);
  }

  /** Memory for the accounts of that many threads. */
  static accounts(threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer(threads * accountStride * Int32Array.BYTES_PER_ELEMENT);
  }

  /** The bytes taken by all threads: exact for this one, within 64 KiB for each other one. */
  get totalBytes(): number {
    let total = this.#ownBytes;
    const accounts = this.#accounts;
    for (let at = 0; at < accounts.length; at += accountStride) {
      if (at !== this.#at) total += (accounts[at] as number) * unitBytes;
    }
    return total;
  }

  /** Whether a message, or what is decoded from it, could not be taken even alone. */
  isTooLarge(bytes: number): boolean {
    return bytes > this.limitBytes;
  }

  /**
   * Takes memory for a request; false when there is not enough. A request that has all but its head to itself always
   * gets it, so that requests which wait for each other's memory cannot all fail.
   *
   * @param ownBytes Bytes that the same request has taken before.
   */
  reserve(bytes: number, ownBytes = 0): boolean {
    const total = this.totalBytes;
    if (total + bytes > this.#requestLimitBytes && total > ownBytes + this.#othersBytes) return false;
    this.add(bytes);
    return true;
  }

  /**
   * As `reserve`, for what a request takes beside its message.
   *
   * @param decodedBytes All that it takes beside its message, with these bytes. Never more than the limit, not even for a
   *   request that is alone: a few bytes of a message can become a hundred times as many.
   * @throws InferenceError `resource_exhausted`, a `RequestTooLargeError` where it is more than the limit
   */
  reserveOrThrow(bytes: number, ownBytes: number, decodedBytes: number): void {
    if (this.isTooLarge(decodedBytes)) throw this.tooLargeDecoded(decodedBytes);
    if (!this.reserve(bytes, ownBytes)) throw this.exhausted(bytes);
  }

  /**
   * As `reserve`, for bytes of a message or of its headers. Small ones may pass the limit, until they alone are an eighth of
   * it. Decoded contents may not.
   */
  reserveMessage(bytes: number, ownBytes = 0): boolean {
    if (bytes + ownBytes > freeMessageBytes) return this.reserve(bytes, ownBytes);
    if (this.totalBytes + bytes > this.#lastLimitBytes) return false;
    this.add(bytes);
    return true;
  }

  /**
   * Whether an answer may be kept until its client has taken it. Nothing is taken by this: what waits is counted
   * where it waits.
   *
   * A client for which much waits already gets no more than the memory that would still be left for everybody else, so
   * that a few clients that do not read share a part of the memory however much they ask for.
   *
   * @param ownBytes What its request has taken and is about to give back.
   * @param waitingBytes What waits for this client already.
   */
  takesAnswer(bytes: number, ownBytes = 0, waitingBytes = 0): boolean {
    const isBehind = waitingBytes > unsharedBytes;
    if (bytes <= freeAnswerBytes && !isBehind) return true;
    const others = this.totalBytes - ownBytes;
    if (isBehind && waitingBytes + bytes > this.#shortBytes - others) return false;
    return others + bytes <= this.limitBytes || others <= this.#othersBytes;
  }

  /** @throws InferenceError `resource_exhausted` where `takesAnswer` is false: unread answers have taken the memory. */
  checkAnswer(bytes: number, ownBytes: number, waitingBytes = 0): void {
    if (!this.takesAnswer(bytes, ownBytes, waitingBytes)) throw this.#noRoomForAnswer(bytes);
  }

  /** Whether so much is taken that clients which do not read their answers keep memory from others. */
  get isShort(): boolean {
    return this.totalBytes > this.#shortBytes;
  }

  /** Counts memory that was taken already, without a limit; negative releases. */
  add(bytes: number): void {
    const own = this.#ownBytes + bytes;
    this.#ownBytes = own;
    const unpublished = own - this.#publishedBytes;
    if (unpublished >= publishedStepBytes || unpublished <= -publishedStepBytes) this.#publish(own);
    else if (own === 0 && unpublished !== 0) this.#publish(0);
  }

  /** Counts bytes that wait for a new connection of this thread. */
  openConnection(): ConnectionAccount {
    return new ConnectionAccount(this.connections, (bytes) => this.add(bytes));
  }

  /** What waits for a connection of the thread with that account, as the thread counts it; rounded up to a KiB. */
  waitingBytes(account: number, connection: number): number {
    return (this.#accounts[account * accountStride + ownNumbers + connection] ?? 0) * waitingUnitBytes;
  }

  /** Gives back what `reserve` or `add` took. */
  release(bytes: number): void {
    if (bytes > 0) this.add(-bytes);
  }

  /** Removes the account of a thread that has ended. */
  clear(account: number): void {
    const from = account * accountStride;
    this.#accounts.fill(0, from, from + accountStride);
  }

  /** The error after `reserve` returned false. */
  exhausted(bytes: number): InferenceError {
    return resourceExhausted(
      `the server has ${this.totalBytes} bytes of requests and answers in flight and takes at most ${this.limitBytes}, ` +
        `this request needs ${bytes} more; retry later or raise --max-inflight-bytes`,
    );
  }

  /** Why a message can never be taken. */
  tooLarge(bytes: number): RequestTooLargeError {
    return new RequestTooLargeError(
      `a request of ${bytes} bytes is larger than the ${this.limitBytes} bytes that all requests together may have; raise ` +
        '--max-inflight-bytes',
    );
  }

  /** Why a message that was received can never be decoded. */
  tooLargeDecoded(bytes: number): RequestTooLargeError {
    return new RequestTooLargeError(
      `the request needs ${bytes} bytes beside its message, for decoded tensors and their elements in the engine, more than ` +
        `the ${this.limitBytes} bytes that all requests together may have; raise --max-inflight-bytes`,
    );
  }

  #noRoomForAnswer(bytes: number): InferenceError {
    return resourceExhausted(
      `the answer has ${bytes} bytes, and ${this.totalBytes} bytes of requests and answers are in flight already, of at most ` +
        `${this.limitBytes}: clients do not read their answers fast enough; retry later or raise --max-inflight-bytes`,
    );
  }

  #publish(own: number): void {
    this.#publishedBytes = own;
    this.#accounts[this.#at] = Math.ceil(own / unitBytes);
  }
}
