/**
 * Commands at random against the real process: loads, unloads, overrides, folders that change or are damaged, questions,
 * inferences and callers that leave, all at once and over both protocols; see control-history.ts for what may be answered.
 * Then a signal amid calls. `CONTROL_SECONDS` says how long each of the runs takes, `FUZZ_SEED` repeats one.
 */

import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loopModel } from '../engine/loop-model.ts';
import { versionedModel } from '../models/versioned-model.ts';
import { type Content, damaged, ModelHistory, Ticks } from './control-history.ts';
import { frontendThreads } from './frontend-thread-counts.ts';
import { grpcClient, type InferClient } from './load-clients.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const seconds = Number(process.env.CONTROL_SECONDS ?? 5);
/** No call takes so long: one that does is taken for one that hangs. */
const hangMs = 60_000;

const anyName = fc.constantFrom('a', 'b');
const one = <Kind extends string>(kind: Kind) => fc.record({ kind: fc.constant(kind), name: anyName });
const anyStep = fc.oneof(
  { weight: 3, arbitrary: one('write') },
  { weight: 1, arbitrary: one('damage') },
  { weight: 5, arbitrary: one('load') },
  { weight: 2, arbitrary: one('loadWithConfig') },
  { weight: 2, arbitrary: one('loadWithFile') },
  { weight: 1, arbitrary: one('loadWithDamagedFile') },
  { weight: 3, arbitrary: one('unload') },
  { weight: 8, arbitrary: one('infer') },
  { weight: 4, arbitrary: one('inferByGrpc') },
  { weight: 2, arbitrary: one('leave') },
  { weight: 3, arbitrary: one('ask') },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pause' as const), ms: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

const stepsOf = (seedOfRun: number, minLength: number, maxLength: number): readonly Step[] =>
  fc.sample(fc.array(anyStep, { minLength, maxLength }), { seed: seedOfRun, numRuns: 1 })[0];

const anyEdit = fc.constantFrom('write', 'write', 'damage', 'remove');

/** Statuses and codes that say that nothing serves. */
const isAbsence = (status: number): boolean => status === 404 || status === 400 || status === 503;
const isAbsenceCode = (error: unknown): boolean => [3, 5, 14].includes((error as { code: number }).code);
/** What a call may see instead of an answer when the server leaves. */
const isRefusedConnection = (text: string): boolean =>
  /ECONNREFUSED|ECONNRESET|EPIPE|other side closed|14 UNAVAILABLE/.test(text);

class Scene {
  readonly server: ServerProcess;
  readonly temporary: string;
  readonly #repository: string;
  readonly #grpc: InferClient;
  readonly #ticks = new Ticks();
  readonly #pending = new Set<Promise<void>>();
  readonly #unexpected: string[] = [];
  #models = new Map<string, ModelHistory>();
  #contents = 0;
  /** From here on calls may be refused. */
  #isLeaving = false;

  private constructor(server: ServerProcess, repository: string, temporary: string) {
    this.server = server;
    this.#repository = repository;
    this.temporary = temporary;
    this.#grpc = grpcClient(server.ports);
  }

  static async start(flags: readonly string[]): Promise<Scene> {
    const { path, dispose } = await temporaryFolder();
    onTestFinished(dispose);
    const repository = join(path, 'repository');
    await mkdir(join(repository, 'loop', '1'), { recursive: true });
    await writeFile(join(repository, 'loop', '1', 'model.onnx'), loopModel());
    await writeFile(join(repository, 'loop', 'config.pbtxt'), 'max_batch_size: 0\n');
    const temporary = await mkdtemp(join(path, 'tmp-'));
    const server = await ServerProcess.start(repository, flags, { TMPDIR: temporary });
    onTestFinished(() => server.kill());
    const scene = new Scene(server, repository, temporary);
    onTestFinished(() => scene.#grpc.close());
    return scene;
  }

  /** Nothing is loaded and each folder holds a model that can be. */
  async begin(): Promise<void> {
    this.#models = new Map(['a', 'b'].map((name) => [name, new ModelHistory(name, this.#ticks)]));
    for (const name of this.#models.keys()) {
      await this.perform({ kind: 'write', name: name as 'a' });
      await this.perform({ kind: 'unload', name: name as 'a' });
    }
    await this.settle();
  }

  async perform(step: Step): Promise<void> {
    if (step.kind === 'pause') return sleep(step.ms);
    if (step.kind === 'settle') return this.settle();
    const model = this.#models.get(step.name) as ModelHistory;
    const config = JSON.stringify({ max_batch_size: 1 + (this.#contents % 8) });
    const file = (bytes: Uint8Array) => ({ config, 'file:1/model.onnx': Buffer.from(bytes).toString('base64') });
    switch (step.kind) {
      case 'write':
        return this.write(model, ++this.#contents);
      case 'damage':
        return this.write(model, damaged);
      case 'load':
        return this.#start(this.#control(model, 'load', null));
      case 'loadWithConfig':
        return this.#start(this.#control(model, 'load', null, { config }));
      case 'loadWithFile': {
        const content = ++this.#contents;
        return this.#start(this.#control(model, 'load', content, file(versionedModel(content))));
      }
      case 'loadWithDamagedFile':
        return this.#start(this.#control(model, 'load', damaged, file(Buffer.from('no model'))));
      case 'unload':
        return this.#start(this.#control(model, 'unload', null));
      case 'infer':
        return this.#start(this.#inferSome(model));
      case 'inferByGrpc':
        return this.#start(this.#inferByGrpc(model));
      case 'leave':
        return this.#start(this.#leave());
      case 'ask':
        return this.#start(this.#ask(model));
    }
  }

  /** As an operator does it: aside first, then moved into place. */
  write(model: ModelHistory, content: number): Promise<void> {
    return model.write(content, () => this.#place(model.name, content));
  }

  async #place(name: string, content: number): Promise<void> {
    const folder = join(this.#repository, name, '1');
    await mkdir(folder, { recursive: true });
    const aside = join(this.#repository, '..', `${name}.incoming`);
    await writeFile(aside, content === damaged ? 'no model at all' : versionedModel(content));
    await rename(aside, join(folder, 'model.onnx'));
  }

  /**
   * Changes a folder, and waits until what it holds serves. Nobody is failed without a reason.
   *
   * @param before what may serve when it begins
   * @returns what may serve from now on
   */
  async edit(name: string, before: ReadonlySet<Content>, edits: readonly string[]): Promise<ReadonlySet<Content>> {
    const may = new Set(before);
    for (const edit of edits) {
      if (edit === 'write') may.add(++this.#contents);
      if (edit === 'remove') may.add(null);
      if (edit === 'remove') await rm(join(this.#repository, name), { recursive: true, force: true });
      else await this.#place(name, edit === 'write' ? this.#contents : damaged);
      expect([...may], edits.join()).toContain(await this.#served(name));
    }
    const last = edits.at(-1);
    // What was there before the damage serves on, if it was seen.
    if (last === 'damage') return may;
    const wanted = last === 'write' ? this.#contents : null;
    const deadline = performance.now() + hangMs;
    for (let served = await this.#served(name); served !== wanted; served = await this.#served(name)) {
      expect([...may], edits.join()).toContain(served);
      if (performance.now() > deadline) throw new Error(`after ${edits}: ${name} shows ${served}, not ${wanted}`);
      await sleep(5);
    }
    return new Set([wanted]);
  }

  async #served(name: string): Promise<Content> {
    const model = new ModelHistory(name, this.#ticks);
    await this.#infer(model);
    return model.lastSeen;
  }

  async settle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  /** After everything was answered: what serves now is what may serve, and the endless batches are gone. */
  async check(): Promise<void> {
    for (const name of this.#models.keys()) await this.perform({ kind: 'infer', name: name as 'a' });
    await this.settle();
    expect(await this.#inferLoop(1, AbortSignal.timeout(hangMs))).toBe(200);
    expect(this.#unexpected).toEqual([]);
    expect([...this.#models.values()].flatMap((model) => [...model.faults()])).toEqual([]);
  }

  /** A signal amid calls: each is answered or its connection is refused; the process ends in good order and leaves nothing. */
  async end(steps: readonly Step[], signal: 'SIGTERM' | 'SIGINT'): Promise<void> {
    for (const step of steps) if (step.kind !== 'settle') await this.perform(step);
    this.#isLeaving = true;
    process.kill(this.server.pid, signal);
    await this.settle();
    expect(await this.server.exited).toEqual({ code: 0, signal: null });
    expect(this.#unexpected).toEqual([]);
    expect(await readdir(this.temporary)).toEqual([]);
  }

  async #start(call: Promise<void>): Promise<void> {
    const pending = call
      .catch((error: unknown) => {
        const text = `${error} ${(error as Error).cause ?? ''}`;
        if (!this.#isLeaving || !isRefusedConnection(text)) this.#unexpected.push(text);
      })
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  async #fetch(path: string, body?: string, signal = AbortSignal.timeout(hangMs)): Promise<[number, string]> {
    const how = body === undefined ? {} : { method: 'POST', body };
    const answer = await fetch(`${this.server.url}${path}`, { ...how, signal });
    return [answer.status, await answer.text()];
  }

  async #control(model: ModelHistory, kind: 'load' | 'unload', brought: number | null, parameters = {}): Promise<void> {
    const call = model.call(kind, brought);
    const [status, text] = await this.#fetch(
      `/v2/repository/models/${model.name}/${kind}`,
      JSON.stringify({ parameters }),
    );
    model.end(call, status, text);
  }

  /** One after the other, so that some come while nothing changes. */
  async #inferSome(model: ModelHistory): Promise<void> {
    for (let i = 0; i < 4; i++) await this.#infer(model);
  }

  async #infer(model: ModelHistory): Promise<void> {
    const from = this.#ticks.next();
    const inputs = [{ name: 'INPUT', datatype: 'FP32', shape: [1, 4], data: [0, 0, 0, 0] }];
    const [status, text] = await this.#fetch(`/v2/models/${model.name}/infer`, JSON.stringify({ inputs }));
    if (status !== 200 && !isAbsence(status)) throw new Error(`HTTP ${status}: ${text}`);
    const content: Content = status === 200 ? JSON.parse(text).outputs[0].data[0] : null;
    model.saw({ from, to: this.#ticks.next(), content, how: `HTTP ${status} ${text}` });
  }

  async #inferByGrpc(model: ModelHistory): Promise<void> {
    const from = this.#ticks.next();
    const values = [0, 0, 0, 0];
    const seen = await this.#grpc.ask(model.name, values).then(
      ([content]) => ({ content, how: 'gRPC' }),
      (error: unknown) => {
        if (!isAbsenceCode(error)) throw error;
        return { content: null, how: String(error) };
      },
    );
    // A channel that is refused says the same as a model that is absent.
    if (!this.#isLeaving) model.saw({ from, to: this.#ticks.next(), ...seen });
  }

  async #leave(): Promise<void> {
    const status = await this.#inferLoop(2 ** 52, AbortSignal.timeout(20)).catch((error: Error) => error.name);
    if (status !== 'TimeoutError') throw new Error(`an endless batch: ${status}`);
  }

  async #inferLoop(turns: number, signal: AbortSignal): Promise<number> {
    const inputs = [
      { name: 'n', datatype: 'INT64', shape: [], data: [turns] },
      { name: 'x', datatype: 'FP32', shape: [], data: [1] },
    ];
    return (await this.#fetch('/v2/models/loop/infer', JSON.stringify({ inputs }), signal))[0];
  }

  async #ask(model: ModelHistory): Promise<void> {
    const ready = async (): Promise<void> => {
      const from = this.#ticks.next();
      const [status, text] = await this.#fetch(`/v2/models/${model.name}/ready`);
      if (status !== 200 && !isAbsence(status)) throw new Error(`ready: HTTP ${status} ${text}`);
      if (status !== 200) model.saw({ from, to: this.#ticks.next(), content: null, how: `ready says ${text}` });
    };
    const index = async (): Promise<void> => {
      const [status, text] = await this.#fetch('/v2/repository/index', '{}');
      expect(status).toBe(200);
      expect(JSON.parse(text)).toContainEqual(expect.objectContaining({ name: 'loop', state: 'READY' }));
    };
    const others = ['', '/config', '/stats'].map(async (path) => {
      const [status, text] = await this.#fetch(`/v2/models/${model.name}${path}`);
      if (status !== 200 && !isAbsence(status)) throw new Error(`${path}: HTTP ${status} ${text}`);
      if (status === 200) expect(JSON.stringify(JSON.parse(text))).toContain(`"name":"${model.name}"`);
    });
    await Promise.all([ready(), index(), ...others]);
  }
}

describe.each([1, 2])(`commands at random with %d frontend threads (FUZZ_SEED=${seed})`, (threads) => {
  const flags = [frontendThreads(threads), '--exit-timeout-secs=60', '--repository-poll-secs=1'];
  it('are answered as their order allows, and the process ends in good order', { timeout: 300_000 }, async () => {
    const scene = await Scene.start([...flags, '--model-control-mode=explicit', '--load-model=loop']);
    const until = performance.now() + seconds * 1000;
    let runs = 0;
    // Not shrunk: the order in which calls arrive is another one each time.
    do {
      await scene.begin();
      for (const step of stepsOf(seed + runs, 5, 40)) await scene.perform(step);
      await scene.settle();
      await scene.check();
      runs++;
    } while (performance.now() < until);
    console.log(`${runs} runs with ${threads} frontend threads`);
    await scene.begin();
    await scene.end(stepsOf(seed, 30, 60), seed % 2 === 0 ? 'SIGTERM' : 'SIGINT');
  });

  it('of an operator are seen in mode poll as soon as they rest', { timeout: 300_000 }, async () => {
    const scene = await Scene.start([...flags, '--model-control-mode=poll']);
    const until = performance.now() + seconds * 1000;
    const resting = new Map(['a', 'b'].map((name) => [name, new Set<Content>([null]) as ReadonlySet<Content>]));
    let rounds = 0;
    do {
      for (const [name, before] of resting) {
        const edits = fc.sample(fc.array(anyEdit, { minLength: 1, maxLength: 4 }), {
          seed: seed + rounds,
          numRuns: 1,
        })[0];
        resting.set(name, await scene.edit(name, before, edits));
      }
      rounds++;
    } while (performance.now() < until);
    console.log(`${rounds} rounds with ${threads} frontend threads`);
    expect(await scene.server.stop()).toEqual({ code: 0, signal: null });
    expect(await readdir(scene.temporary)).toEqual([]);
  });
});
