/** Wishes, folders that change, faults and delays at random, against a reference that knows only the order of asking. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { InferenceError } from '../../src/errors.ts';
import type { ModelControl } from '../../src/lifecycle/model-control.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { type Content, contentOf, type Fault, LaggingRepository, neededOf } from './lagging-repository.ts';
import { quietControl } from './quiet-control.ts';

const names = ['a', 'b', 'c', 'd'] as const;
const anyName = fc.constantFrom<(typeof names)[number]>('a', 'b');
const anyFault = fc.constantFrom<Fault>(null, null, null, 'read', 'open', 'warm', 'resize');
const anyContent = fc.record({
  base: fc.constantFrom('x', 'y'),
  versions: fc.constantFrom([1], [1, 2], [2], []),
  fault: anyFault,
  target: fc.constant<string | null>(null),
});

const anyStep = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('write' as const), name: anyName, content: anyContent }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), name: anyName }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('load' as const), name: anyName }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('bring' as const), name: anyName, content: anyContent }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('unload' as const), name: anyName }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('ask' as const), name: anyName }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('goOn' as const), nth: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('poll' as const) }) },
);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** The same with models that need others, and need themselves in a ring at times. */
const anyNeedyStep: fc.Arbitrary<Step> = fc
  .tuple(anyStep, fc.constantFrom(...names), fc.constantFrom(null, ...names))
  .map(([step, name, target]) => {
    if (step.kind === 'goOn' || step.kind === 'poll') return step;
    if (step.kind !== 'write' && step.kind !== 'bring') return { ...step, name };
    return { ...step, name, content: { ...step.content, target } };
  });

interface Asked {
  readonly name: string;
  readonly kind: 'load' | 'bring' | 'unload';
  /** Contents that the wish may have found: what was brought, or what the folder held from asking to the end. */
  readonly candidates: Set<string>;
  outcome: 'open' | 'done' | InferenceError;
}

/** Some way, which need not be all that can go on now. */
async function someTurns(): Promise<void> {
  for (let i = 0; i < 40; i++) await Promise.resolve();
}

/** Until nothing can go on without the test: every promise that is settled has been heard. */
const allTurns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Scene {
  readonly repository = new LaggingRepository();
  readonly clock = new FakeClock();
  readonly control: ModelControl;
  readonly asked: Asked[] = [];
  #contents = 0;

  constructor(mode: 'explicit' | 'poll') {
    this.control = quietControl(this.repository, this.clock, 2, { mode });
  }

  newContent(content: Omit<Content, 'id'>): Content {
    const isKept = content.base === 'x';
    // Contents of base x differ in their instances only, those of base y in everything.
    return {
      ...content,
      id: String(++this.#contents),
      base: isKept ? `x of ${content.target}` : String(this.#contents),
    };
  }

  async perform(step: Step): Promise<void> {
    const { repository, control } = this;
    if (step.kind === 'write') {
      const content = this.newContent(step.content);
      repository.folders.set(step.name, content);
      for (const asked of this.asked) {
        if (asked.name === step.name && asked.kind === 'load' && asked.outcome === 'open')
          asked.candidates.add(content.id);
      }
    } else if (step.kind === 'remove') repository.folders.delete(step.name);
    else if (step.kind === 'goOn') repository.gates.open(step.nth);
    else if (step.kind === 'poll') this.clock.advance(1000);
    else if (step.kind === 'ask') await this.askEverything(step.name);
    else if (step.kind === 'load') {
      const now = repository.folders.get(step.name);
      this.#ask(step.name, 'load', now ? [now.id] : [], control.load(step.name, { config: null, files: new Map() }));
    } else if (step.kind === 'bring') {
      const content = this.newContent({ ...step.content, base: 'y' });
      const files = new Map([['1/model.onnx', new Uint8Array(1)]]);
      this.#ask(step.name, 'bring', [content.id], control.load(step.name, { config: JSON.stringify(content), files }));
    } else this.#ask(step.name, 'unload', [], control.unload(step.name, false));
    await someTurns();
  }

  #ask(name: string, kind: Asked['kind'], candidates: string[], outcome: Promise<void>): void {
    const asked: Asked = { name, kind, candidates: new Set(candidates), outcome: 'open' };
    this.asked.push(asked);
    outcome.then(
      () => {
        asked.outcome = 'done';
      },
      (error: unknown) => {
        if (!(error instanceof InferenceError)) throw error;
        asked.outcome = error;
      },
    );
  }

  async askEverything(name: string): Promise<void> {
    await this.control.indexOf(await this.control.indexNames(), false);
    this.control.isReady(true);
    for (const version of ['', '1', '7']) {
      try {
        expect(this.control.find(name, version).state).toBe('ready');
      } catch (error) {
        expect(error).toBeInstanceOf(InferenceError);
      }
    }
  }

  /** Lets everything go on until nothing waits any more. */
  async quiesce(): Promise<void> {
    await allTurns();
    for (let rounds = 0; this.repository.gates.count > 0; rounds++) {
      expect(rounds).toBeLessThan(2000);
      this.repository.gates.open(0);
      await allTurns();
    }
  }

  served(name: string): Content | null {
    const [version] = this.control.readyVersions(name);
    return version?.loaded ? contentOf(version.loaded.config) : null;
  }

  /** What serves has what it needs: the newest versions that serve now. */
  checkNeeds(): void {
    for (const { loaded } of names.flatMap((name) => this.control.readyVersions(name))) {
      const config = loaded?.config;
      const target = config && contentOf(config).target;
      const wanted = target ? [this.control.find(target, '')] : [];
      expect(config && neededOf(config)).toEqual(wanted);
    }
  }

  /** Whether a folder can serve, and all that it needs. */
  canServe(name: string, above: readonly string[] = []): boolean {
    const folder = this.repository.folders.get(name);
    if (!folder || folder.fault !== null || folder.versions.length === 0 || above.includes(name)) return false;
    return folder.target === null || this.canServe(folder.target, [...above, name]);
  }

  /** What is held is what serves, and nothing else. */
  checkHoldings(): void {
    const serving = names.map((name) => this.control.readyVersions(name)).filter((versions) => versions.length > 0);
    expect(this.repository.held).toEqual({
      sources: serving.length,
      versions: serving.flat().length,
      changes: 0,
      sightings: 0,
    });
  }
}

describe('model control', () => {
  it('fulfils wishes in the order in which they were asked, with any faults, delays and other wishes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 60 }), async (steps) => {
        const scene = new Scene('explicit');
        await scene.control.start();
        for (const step of steps) await scene.perform(step);
        await scene.quiesce();
        for (const name of names) {
          const asked = scene.asked.filter((each) => each.name === name);
          expect(asked.filter(({ outcome }) => outcome === 'open')).toEqual([]);
          for (const [i, { outcome }] of asked.entries()) {
            const isEnded = outcome instanceof InferenceError && outcome.code === 'cancelled';
            if (isEnded) expect(i).toBeLessThan(asked.length - 1);
          }
          const last = asked.filter(({ outcome }) => outcome === 'done').at(-1);
          const served = scene.served(name);
          if (last === undefined || last.kind === 'unload') expect(served).toBe(null);
          else {
            expect([...last.candidates]).toContain(served?.id);
            expect(scene.control.readyVersions(name).map(({ version }) => version)).toEqual(served?.versions);
          }
        }
        scene.checkHoldings();
        const stopped = scene.control.stop();
        await scene.quiesce();
        await stopped;
        scene.checkHoldings();
        expect(scene.repository.held.versions).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('leaves nothing behind when it is stopped at any time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyStep, { minLength: 5, maxLength: 40 }),
        fc.constantFrom('explicit' as const, 'poll' as const),
        async (steps, mode) => {
          const scene = new Scene(mode);
          const started = scene.control.start().catch(() => []);
          for (const step of steps) await scene.perform(step);
          const stopped = scene.control.stop();
          await scene.quiesce();
          await stopped;
          await started;
          expect(scene.asked.filter(({ outcome }) => outcome === 'open')).toEqual([]);
          scene.checkHoldings();
          expect(scene.repository.held.versions).toBe(0);
          scene.clock.advance(10_000);
          await scene.quiesce();
          expect(scene.repository.held.versions).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('serves the contents of the folders in mode poll, as soon as they stop changing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 60 }), async (steps) => {
        const scene = new Scene('poll');
        const started = scene.control.start();
        await scene.quiesce();
        await started;
        for (const step of steps) {
          if (step.kind === 'write' || step.kind === 'remove' || step.kind === 'ask' || step.kind === 'goOn')
            await scene.perform(step);
          else await scene.perform({ kind: 'poll' });
        }
        for (let rounds = 0; rounds < 8; rounds++) {
          scene.clock.advance(1000);
          await scene.quiesce();
        }
        for (const name of names) {
          const folder = scene.repository.folders.get(name);
          const served = scene.served(name);
          if (folder === undefined) {
            expect(served).toBe(null);
            expect(() => scene.control.find(name, '')).toThrow(InferenceError);
          } else if (folder.fault === null && folder.versions.length > 0) expect(served?.id).toBe(folder.id);
        }
        scene.checkHoldings();
        const stopped = scene.control.stop();
        await scene.quiesce();
        await stopped;
      }),
      { numRuns: 200 },
    );
  });

  it('lets no model serve without its needed models, and none wait for ever', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyNeedyStep, { minLength: 5, maxLength: 60 }),
        fc.constantFrom('explicit' as const, 'poll' as const),
        async (steps, mode) => {
          const scene = new Scene(mode);
          const started = scene.control.start();
          await scene.quiesce();
          await started;
          for (const step of steps) await scene.perform(step);
          await scene.quiesce();
          expect(scene.asked.filter(({ outcome }) => outcome === 'open')).toEqual([]);
          scene.checkNeeds();
          scene.checkHoldings();
          if (mode === 'poll') {
            for (let rounds = 0; rounds < 8; rounds++) {
              scene.clock.advance(1000);
              await scene.quiesce();
            }
            for (const name of names) {
              if (scene.canServe(name)) expect(scene.served(name)?.id).toBe(scene.repository.folders.get(name)?.id);
            }
            scene.checkNeeds();
          }
          const stopped = scene.control.stop();
          await scene.quiesce();
          await stopped;
          expect(scene.repository.held).toEqual({ sources: 0, versions: 0, changes: 0, sightings: 0 });
        },
      ),
      { numRuns: 400 },
    );
  });
});
