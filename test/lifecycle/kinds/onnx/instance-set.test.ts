import { describe, expect, it } from 'vitest';

import type { EngineSession, SessionSpec } from '../../../../src/engine/engine.ts';
import { cancelled } from '../../../../src/errors.ts';
import { InstanceSet, type SessionTemplate } from '../../../../src/lifecycle/kinds/onnx/instance-set.ts';
import type { InstanceGroupConfig } from '../../../../src/model-config/model-config.ts';
import type { ModelSignature } from '../../../../src/model-config/signature.ts';
import { FakeEngine, type FakeInstance } from '../../../fakes/fake-engine.ts';

const file = { path: '/models/m/1/model.onnx', folder: '/models/m/1' };
const template = { label: 'm:1', file, graphRows: [] } as unknown as SessionTemplate;
const never = new AbortController().signal;

const group = (count: number, gpus: readonly number[] = []): InstanceGroupConfig => ({
  name: 'm',
  count,
  kind: gpus.length > 0 ? 'gpu' : 'cpu',
  gpus,
  isDemanded: false,
  isPassive: false,
});

/** An engine whose openings the test lets go on. */
class SlowEngine extends FakeEngine {
  readonly openings: (() => void)[] = [];
  isSlow = false;

  constructor() {
    super();
    this.models.set('model.onnx', { signature: { inputs: [], outputs: [] } as unknown as ModelSignature });
  }

  override async openSession(spec: SessionSpec): Promise<EngineSession> {
    if (this.isSlow) await new Promise<void>((resolve) => this.openings.push(resolve));
    return super.openSession(spec);
  }
}

const closed = (instances: readonly FakeInstance[] = []): boolean[] => instances.map(({ isClosed }) => isClosed);

describe('a set of instances', () => {
  it('shares a session between the instances of a device, but not between those with CUDA graphs', async () => {
    const engine = new SlowEngine();
    const graphs = { ...template, graphRows: [1, 2] };
    const set = await InstanceSet.open(engine, graphs, [group(2), group(2, [0, 1])], 4, never);
    expect(engine.sessions.map(({ instances }) => instances.length)).toEqual([2, 1, 1, 1, 1]);
    expect(engine.sessions.map(({ spec }) => spec.instanceCount)).toEqual([2, 1, 1, 1, 1]);
    const change = await set.prepare([group(2), group(1, [0, 1])], never);
    change.commit();
    await Promise.all(change.removed.map((instance) => instance.close()));
    await set.closeIdleSessions();
    expect(engine.sessions.map(({ isClosed }) => isClosed)).toEqual([false, false, true, false, true]);
    await set.close();
    expect(engine.sessions.every(({ isClosed }) => isClosed)).toBe(true);
  });

  it('is unchanged when a change is undone, and no new instance stays open', async () => {
    const engine = new SlowEngine();
    const set = await InstanceSet.open(engine, template, [group(1)], 4, never);
    const before = set.active;
    const change = await set.prepare([group(2), group(1, [0])], never);
    expect(change.added()).toHaveLength(2);
    expect(set.active).toEqual(before);
    await change.undo();
    expect(set.active).toEqual(before);
    expect(engine.sessions.map(({ isClosed }) => isClosed)).toEqual([false, true]);
    expect(closed(engine.sessions[0]?.instances)).toEqual([false, true]);
    await set.close();
    expect(engine.sessions.every(({ isClosed }) => isClosed)).toBe(true);
  });

  it('is the wished one when a change is committed', async () => {
    const engine = new SlowEngine();
    const set = await InstanceSet.open(engine, template, [group(1)], 4, never);
    const [first] = set.active;
    const change = await set.prepare([group(1, [0])], never);
    expect(change.removed).toEqual([first]);
    change.commit();
    expect(set.active).toEqual(change.added());
    await first?.close();
    await set.closeIdleSessions();
    expect(engine.sessions.map(({ isClosed }) => isClosed)).toEqual([true, false]);
    await set.close();
  });

  it('does not wait for a cancelled opening, and closes its result', async () => {
    const engine = new SlowEngine();
    engine.isSlow = true;
    const abort = new AbortController();
    const opened = InstanceSet.open(engine, template, [group(1)], 4, abort.signal);
    abort.abort(cancelled('the model was unloaded'));
    await expect(opened).rejects.toThrow('the model was unloaded');
    engine.openings[0]?.();
    for (let i = 0; i < 10; i++) await Promise.resolve();
    expect(engine.sessions.map(({ isClosed }) => isClosed)).toEqual([true]);
  });
});
