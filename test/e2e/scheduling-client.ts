/** Sends the requests of a scenario to a server and tells how they were answered, in which order, and how they were counted. */

import { setTimeout as sleep } from 'node:timers/promises';
import { type Outcome, ProtocolClient } from './protocol-client.ts';
import type { Scenario, Sent } from './scheduling-probes.ts';
import type { Ports } from './server-process.ts';

/** A request that is 'long' takes at least this on an idle machine. */
const longMs = 1500;

/** How long counters may still move after the last answer: Triton runs what its caller has given up. */
const settleMs = 3000;

/** All texts, so that a difference is readable. */
export interface Seen {
  /** For each request the rows of its batch, or status and text of its refusal. */
  readonly answers: readonly string[];
  /** The places of the requests in the order of their answers; '' where the scenario does not ask for it. */
  readonly order: string;
  /** Of the statistics, without times. */
  readonly statistics: string;
  /** Of the model's `nv_inference_` metrics, without durations and without what is 0. */
  readonly metrics: string;
}

interface Duration {
  readonly count: number;
}

interface ModelStatistics {
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Readonly<Record<string, Duration>>;
  readonly batch_stats: readonly (Readonly<Record<string, Duration>> & { readonly batch_size: number })[];
}

export class SchedulingClient {
  readonly #client: ProtocolClient;
  readonly #metrics: number;
  /** The x of a long request: turns of the model's Loop. */
  #longTurns = 1000;

  constructor(ports: Ports) {
    this.#client = new ProtocolClient(ports);
    this.#metrics = ports.metrics;
  }

  close(): void {
    this.#client.close();
  }

  /** Finds out how much the model has to do for a long request. */
  async calibrate(model: string): Promise<void> {
    await this.#ask('RepositoryModelLoad', { model_name: model });
    for (let took = 0; took < longMs; ) {
      this.#longTurns = Math.ceil(this.#longTurns * (took === 0 ? 1 : Math.min(10, (1.2 * longMs) / took)));
      const start = performance.now();
      await this.#infer(model, { x: 'long' }).outcome;
      took = performance.now() - start;
    }
    await this.#ask('RepositoryModelUnload', { model_name: model });
  }

  /** Loads the model, sends the requests, and reads the counters when they do not move any more. */
  async run(model: string, { requests, isOrdered = false }: Scenario): Promise<Seen> {
    await this.#ask('RepositoryModelLoad', { model_name: model });
    const order: number[] = [];
    const answers: Promise<string>[] = [];
    for (const [place, sent] of requests.entries()) {
      if (sent.after !== undefined) await sleep(sent.after);
      const { outcome, cancel } = this.#infer(model, sent);
      const answer = outcome.then((seen) => {
        order.push(place);
        return rowsOrRefusal(seen);
      });
      answers.push(answer);
      if (sent.x === 'long') await this.#ask('ServerLive', {});
      if (sent.cancelAfter !== undefined) void sleep(sent.cancelAfter).then(cancel);
    }
    const texts = await Promise.all(answers);
    if (requests.some(({ cancelAfter }) => cancelAfter !== undefined)) await sleep(settleMs);
    const statistics = statisticsText(await this.#ask('ModelStatistics', { name: model }));
    const metrics = metricsText(await this.#page(), model);
    await this.#ask('RepositoryModelUnload', { model_name: model });
    return { answers: texts, order: isOrdered ? order.join(' ') : '', statistics, metrics };
  }

  #infer(model: string, { x, rows = 1, parameters = {} }: Sent): ReturnType<ProtocolClient['call']> {
    const value = BigInt(x === 'long' ? this.#longTurns : x);
    const bytes = Buffer.from(BigInt64Array.from({ length: rows }, () => value).buffer);
    const input = { name: 'x', datatype: 'INT64', shape: [rows, 1] };
    return this.#client.call('ModelInfer', {
      model_name: model,
      inputs: [input],
      raw_input_contents: [bytes],
      parameters,
    });
  }

  async #ask(rpc: string, message: object): Promise<unknown> {
    const { status, error, answer } = await this.#client.call(rpc, message).outcome;
    if (status !== 0) throw new Error(`${rpc} ${JSON.stringify(message)}: ${error}`);
    return answer;
  }

  async #page(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#metrics}/metrics`)).text();
  }
}

function rowsOrRefusal({ status, error, answer }: Outcome): string {
  if (status !== 0) return `${status} ${error}`;
  const [rows] = (answer as { raw_output_contents: [Buffer] }).raw_output_contents;
  return `${rows.readBigInt64LE(0)} rows`;
}

function statisticsText(answer: unknown): string {
  const [stats] = (answer as { model_stats: [ModelStatistics] }).model_stats;
  const countsOf = (durations: Readonly<Record<string, Duration | number>>): string =>
    Object.entries(durations)
      .flatMap(([name, value]) => (typeof value === 'object' && value !== null ? `${name} ${value.count}` : []))
      .join(', ');
  const batches = stats.batch_stats.map((batch) => `batches of ${batch.batch_size}: ${countsOf(batch)}`);
  return [
    `inferences ${stats.inference_count}, executions ${stats.execution_count}`,
    countsOf(stats.inference_stats),
    ...batches,
  ].join('; ');
}

const sample = /^(nv_inference_\w+)\{(.*)\} (\S+)$/;

function metricsText(page: string, model: string): string {
  const lines: string[] = [];
  for (const line of page.split('\n')) {
    const [, name = '', labels = '', value = ''] = sample.exec(line) ?? [];
    if (!labels.includes(`model="${model}"`) || /_us|_ms/.test(name) || Number(value) === 0) continue;
    lines.push(`${name}{${labels.replace(`model="${model}"`, '')}} ${value}`);
  }
  return lines.sort().join('\n');
}
