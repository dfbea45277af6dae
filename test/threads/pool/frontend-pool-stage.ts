/** Frontends in real threads before a fake server in the test's thread, and observations of the threads. */

import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { BroadcastChannel, type Worker } from 'node:worker_threads';
import type { Listening } from '../../../src/frontends/frontend.ts';
import { MemoryBudget } from '../../../src/inference/memory-budget.ts';
import type { Logger } from '../../../src/logger.ts';
import { loadNativeThreads } from '../../../src/threads/native-threads.ts';
import { threadedFrontends } from '../../../src/threads/pool/threaded-frontends.ts';
import { systemClock } from '../../../src/time.ts';
import { TurnCounts } from '../../../src/event-loop/turn-counts.ts';
import { FakeInferenceServer } from '../../fakes/fake-inference-server.ts';
import { type Answer, sendOnce } from '../../fakes/http-client.ts';

export const native = loadNativeThreads();

/** A connection that a thread accepted. */
export interface Accepted {
  readonly thread: number;
}

const workers: Worker[] = [];
process.on('worker', (worker) => workers.push(worker));

/** Threads that have not ended. */
export const liveThreads = (): number[] => workers.map(({ threadId }) => threadId).filter((id) => id >= 0);

/** Resolves when every thread that was ever started has ended. */
export async function allThreadsEnded(): Promise<void> {
  for (const worker of workers) if (worker.threadId >= 0) await once(worker, 'exit');
}

/** Waits for what the system does in its own time, and says what did not come. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`did not happen: ${what}`);
    await sleep(5);
  }
}

/** Sockets that this process has open, all threads together. */
export function openSockets(): number {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The descriptor of the listing itself is gone by now.
      return '';
    }
  });
  return targets.filter((target) => target.startsWith('socket:')).length;
}

/** A port that was free a moment ago. */
export function freePort(): number {
  const { fd, port } = native.openListener('127.0.0.1', 0, 16, 'alone');
  native.closeSocket(fd);
  return port;
}

/** Whether nobody listens there. */
export function isFree(port: number): boolean {
  const { fd, error } = native.openListener('127.0.0.1', port, 16, 'first');
  if (error === null) native.closeSocket(fd);
  return error === null;
}

export interface StageOptions {
  readonly threadCount?: number;
  /** How the threads fail; see the fixture. */
  readonly failure?: 'fail' | 'leave' | 'half';
  /** What the threads run; absent means the fixture. */
  readonly entry?: URL;
  readonly httpPort?: number | null;
  readonly grpcPort?: number | null;
}

export class Stage {
  readonly server = new FakeInferenceServer();
  readonly accepted: Accepted[] = [];
  readonly log: string[] = [];
  #counts: readonly number[] | null = null;
  readonly #channel = new BroadcastChannel('frontend-fixture');
  readonly #options: StageOptions;
  #listening = new Map<string, Listening>();

  constructor(options: StageOptions = {}) {
    this.#options = options;
    this.#channel.onmessage = (event: unknown) => {
      const { data } = event as { data: Accepted | { readonly counts: readonly number[] } };
      if ('counts' in data) this.#counts = data.counts;
      else this.accepted.push(data);
    };
  }

  async start(): Promise<void> {
    const { threadCount = 3, failure, httpPort = 0, grpcPort = 0 } = this.#options;
    const { entry = new URL('./frontend-fixture.mjs', import.meta.url) } = this.#options;
    // Threads have a copy of the environment as it is when they start.
    if (failure === undefined) delete process.env.FRONTEND_FIXTURE;
    else process.env.FRONTEND_FIXTURE = failure;
    const line = (_fields: unknown, message: string): unknown => this.log.push(message);
    const logger: Logger = { debug: line, info: line, warn: line, error: line };
    const listen = (port: number | null) => (port === null ? null : { host: '127.0.0.1', port });
    const frontends = threadedFrontends({
      threadCount,
      server: this.server,
      native,
      budget: new MemoryBudget(2 ** 30, MemoryBudget.accounts(threadCount + 1)),
      turns: TurnCounts.of(threadCount + 1),
      clock: systemClock,
      logger,
      http: {
        listen: listen(httpPort),
        transport: 'nereid',
        maxInputBytes: 2 ** 26,
        headerForwardPattern: null,
        restrictions: [],
      },
      grpc: {
        listen: listen(grpcPort),
        transport: 'nereid',
        maxMessageBytes: 2 ** 26,
        headerForwardPattern: null,
        restrictions: [],
        responseCompressionLevel: 'none',
        keepaliveTimeMs: 7_200_000,
        keepaliveTimeoutMs: 20_000,
        maxConnectionAgeMs: 0,
        maxConnectionAgeGraceMs: 0,
      },
      requestLog: { requests: 'none', slowRequestMs: 0 },
      entry,
    });
    for (const frontend of frontends) this.#listening.set(frontend.name, await frontend.start());
  }

  listening(name: 'http' | 'grpc'): Listening {
    return this.#listening.get(name) as Listening;
  }

  get names(): string[] {
    return [...this.#listening.keys()];
  }

  get ports() {
    return { http: this.listening('http').port, grpc: this.listening('grpc').port, metrics: 0 };
  }

  /** One request, without an agent on a connection of its own, with that number as its input and its id. */
  ask(number: number, agent = new Agent()): Promise<Answer> {
    const body = JSON.stringify({
      id: `r${number}`,
      inputs: [{ name: 'IN', datatype: 'INT32', shape: [1], data: [number] }],
    });
    return sendOnce(this.listening('http').port, agent, 'POST', '/v2/models/echo/infer', body);
  }

  /** How many connections of HTTP each thread has, as the first one sees it. */
  async connectionCounts(): Promise<readonly number[]> {
    this.#counts = null;
    this.#channel.postMessage({ count: 0 });
    await until('the counts are told', () => this.#counts !== null);
    return this.#counts ?? [];
  }

  /** The thread with that id throws. */
  fail(thread: number): void {
    this.#channel.postMessage({ fail: thread });
  }

  /** The thread with that id writes nonsense into its link. */
  corrupt(thread: number): void {
    this.#channel.postMessage({ corrupt: thread });
  }

  /** Ends everything, whatever the test has left. */
  async close(): Promise<void> {
    for (const listening of this.#listening.values()) listening.close();
    this.#channel.close();
    await allThreadsEnded();
  }
}
