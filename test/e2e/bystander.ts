/** A bystander during an attack: a well-behaved gRPC client, and a watch of the server's resident memory. */

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client, credentials } from '@grpc/grpc-js';

const pauseMs = 10;
const patienceMs = 20_000;
const sampleMs = 20;

/** The one byte pair of `ServerLiveResponse { live: true }`. */
const alive = '0801';

/** A connection of its own that asks ServerLive. */
export class Bystander {
  readonly #client: Client;
  #isOver = false;
  #running: Promise<void> = Promise.resolve();
  #served = 0;

  constructor(port: number) {
    const options = { 'grpc.use_local_subchannel_pool': 1 };
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  }

  /** One call; rejects unless it is answered, and rightly. */
  ask(): Promise<void> {
    const raw = (bytes: Buffer) => bytes;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        '/inference.GRPCInferenceService/ServerLive',
        raw,
        raw,
        Buffer.alloc(0),
        { deadline: Date.now() + patienceMs },
        (error, answer) => {
          if (error !== null) reject(error);
          else if (answer?.toString('hex') !== alive) reject(new Error(`live is ${answer?.toString('hex')}`));
          else resolve();
        },
      );
    });
  }

  /** Begins to ask again and again. */
  start(): void {
    this.#running = (async () => {
      while (!this.#isOver) {
        await this.ask();
        this.#served++;
        await sleep(pauseMs);
      }
    })();
    this.#running.catch(() => undefined);
  }

  /** Ends asking; rejects when a call had failed, else resolves to how many were served. */
  async stop(): Promise<number> {
    this.#isOver = true;
    await this.#running.finally(() => this.#client.close());
    return this.#served;
  }
}

export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (kib === undefined) throw new Error(`process ${pid} tells no resident memory`);
  return Number(kib) * 1024;
}

/** The CPU time of all threads of a process, in steps of 10 ms. */
export function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Watches how far a process grows from what it is now. */
export class MemoryWatch {
  readonly #pid: number;
  readonly #startBytes: number;
  readonly #timer: NodeJS.Timeout;
  #peakBytes: number;

  constructor(pid: number) {
    this.#pid = pid;
    this.#startBytes = residentBytes(pid);
    this.#peakBytes = this.#startBytes;
    this.#timer = setInterval(() => this.#sample(), sampleMs);
  }

  /** Ends watching and gives the growth to the highest point, in MiB. */
  stop(): number {
    clearInterval(this.#timer);
    this.#sample();
    return (this.#peakBytes - this.#startBytes) / 2 ** 20;
  }

  #sample(): void {
    this.#peakBytes = Math.max(this.#peakBytes, residentBytes(this.#pid));
  }
}
