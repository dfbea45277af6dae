/**
 * h2load as load generator: nghttp2's, in C, which costs a fraction of our own and so drives servers that ours cannot.
 * It repeats one request and looks at the HTTP status; its users let our own generator compare answers first.
 */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { pinned } from '../process/cpu-pinning.ts';
import { cpuUs, threadCpuUs } from '../process/linux-process.ts';
import { grpcMessage, modelInferPath } from './grpc-infer.ts';
import { missingAnswers, readLatencies, readSummary, windowBegins, windowEnds } from './h2load-output.ts';
import type { LoadPlan, LoadResult } from './load-plan.ts';

/** gRPC's frame prefix. */
const prefixBytes = 5;

/** The figures of /proc at one end of the window. */
interface Reading {
  readonly serverUs: number;
  readonly threadsUs: ReadonlyMap<string, number>;
  readonly generatorUs: number;
}

export class H2load {
  readonly name = 'h2load';
  readonly #cpu: number | null;

  constructor(cpu: number | null) {
    this.#cpu = cpu;
  }

  static isInstalled(): boolean {
    return spawnSync('h2load', ['--version']).status === 0;
  }

  /** Of the plan's cases only the first is asked, `maxRequests` does not hold, and answers are not compared. */
  async run(plan: LoadPlan): Promise<LoadResult> {
    const folder = mkdtempSync(join(tmpdir(), 'nereid-h2load-'));
    try {
      const bodyFile = join(folder, 'body');
      const logFile = join(folder, 'log');
      writeFileSync(bodyFile, grpcMessage(plan.cases[0]));
      const { text, begin, end } = await this.#measure(plan, bodyFile, logFile);
      return resultOf(plan, text, readFileSync(logFile, 'latin1'), begin, end);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  #measure(plan: LoadPlan, bodyFile: string, logFile: string) {
    const [command, ...args] = pinned(this.#cpu, [
      ...['h2load', '-t', '1', '-c', String(plan.connections), '-m', String(plan.outstanding)],
      ...['-D', `${plan.windowMs}ms`, '--warm-up-time', `${plan.warmUpMs}ms`, `--log-file=${logFile}`],
      ...['-d', bodyFile, '-H', 'content-type: application/grpc', '-H', 'te: trailers'],
      `http://127.0.0.1:${plan.port}${modelInferPath}`,
    ]);
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const read = (): Reading => ({
      serverUs: cpuUs(plan.measuredPid),
      threadsUs: threadCpuUs(plan.measuredPid),
      generatorUs: cpuUs(child.pid ?? 0),
    });
    return new Promise<{ text: string; begin: Reading; end: Reading }>((resolve, reject) => {
      let text = '';
      let begin: Reading | null = null;
      let end: Reading | null = null;
      child.stdout.on('data', (part: Buffer) => {
        text += part.toString();
        try {
          if (begin === null && text.includes(windowBegins)) begin = read();
          if (end === null && text.includes(windowEnds)) end = read();
        } catch (error) {
          // One of the two has ended.
          child.kill();
          reject(error);
        }
      });
      child.stderr.on('data', (part: Buffer) => {
        text += part.toString();
      });
      child.once('error', reject);
      child.once('close', (code) => {
        if (code === 0 && begin !== null && end !== null) resolve({ text, begin, end });
        else reject(new Error(`h2load ended with code ${code}:\n${text.slice(-2000)}`));
      });
    });
  }
}

function resultOf(plan: LoadPlan, text: string, log: string, begin: Reading, end: Reading): LoadResult {
  const summary = readSummary(text);
  const latencies = readLatencies(log);
  const answerBytes = prefixBytes + (plan.cases[0].expected?.byteLength ?? 0);
  const missing = missingAnswers(summary, answerBytes, plan.connections * plan.outstanding);
  const threads = [...end.threadsUs].map(([thread, us]) => us - (begin.threadsUs.get(thread) ?? 0));
  return {
    succeeded: summary.succeeded,
    failed: missing === null ? summary.failed : summary.failed + summary.succeeded,
    checked: 0,
    firstFailure: missing ?? (summary.failed > 0 || summary.succeeded === 0 ? text.slice(-2000) : null),
    seconds: plan.windowMs / 1000,
    serverCpuUs: end.serverUs - begin.serverUs,
    busiestThreadCpuUs: Math.max(0, ...threads),
    generatorCpuUs: end.generatorUs - begin.generatorUs,
    p50Us: latencies.quantileUs(0.5),
    p99Us: latencies.quantileUs(0.99),
    maxUs: latencies.maxUs,
  };
}
