import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ChangedFileError } from '../../../../src/engine/changed-file-error.ts';
import type { EngineSession, SessionSpec } from '../../../../src/engine/engine.ts';
import { cancelled, toInferenceError } from '../../../../src/errors.ts';
import { loadOnnx } from '../../../../src/lifecycle/kinds/onnx/load-onnx.ts';
import type { ServableTools, VersionTask } from '../../../../src/lifecycle/servable.ts';
import { silentLogger } from '../../../../src/logger.ts';
import { readConfigMessage } from '../../../../src/model-config/resolve-config.ts';
import { chooseScheduler } from '../../../../src/scheduling/create-scheduler.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeEngine, type FakeSession } from '../../../fakes/fake-engine.ts';
import { modelSignature, tensorSpec } from '../../../fakes/make-model.ts';
import { put, temporaryFolders } from '../../../repository/folders.ts';

const temporary = temporaryFolders();
const mebibyte = 1024 * 1024;

interface Story {
  readonly engine: FakeEngine;
  /** How the load ended: '' when the version serves, else the error's text. */
  load(signal?: AbortSignal): Promise<string>;
}

function story(configText: string, fileBytes = 1, engine = new FakeEngine()): Story {
  const modelFolder = temporary();
  put(modelFolder, { '1/model.onnx': '' });
  truncateSync(join(modelFolder, '1/model.onnx'), fileBytes);
  const signature = modelSignature([tensorSpec('INPUT', 'FP32', [-1, 1])], [tensorSpec('OUTPUT', 'FP32', [-1, 1])]);
  engine.models.set('model.onnx', { signature });
  const config = { kind: 'file', path: join(modelFolder, 'config.pbtxt'), text: configText } as const;
  const gpuOrdinals = engine.devices.map(({ ordinal }) => ordinal);
  const settings = { autoComplete: true, defaultMaxBatchSize: 4, gpuOrdinals };
  const message = readConfigMessage({ modelName: 'm', source: config, settings });
  const task: VersionTask = {
    ...{ model: 'm', version: 1, modelFolder, versionFolder: join(modelFolder, '1') },
    ...{ config, message },
  };
  const tools = {
    ...{
      engine,
      clock: new FakeClock(),
      turn: { id: 0 },
      logger: silentLogger,
      chooseScheduler,
      maxQueuedRequests: 1,
      gate: null,
    },
    ...{ autoComplete: true, defaultMaxBatchSize: 4, interceptors: [] },
    statistics: () => ({ retire: () => undefined }),
  } as unknown as ServableTools;
  const load = (signal = new AbortController().signal): Promise<string> =>
    loadOnnx(task, tools, () => undefined, signal).then(
      () => '',
      (error: unknown) => toInferenceError(error).message,
    );
  return { engine, load };
}

const openSessions = ({ sessions }: FakeEngine): readonly FakeSession[] => sessions.filter(({ isClosed }) => !isClosed);

describe('a load', () => {
  it('opens a small model on the CPU once, to learn its signature and to serve it', async () => {
    const { engine, load } = story('instance_group { count: 3 }');
    expect(await load()).toBe('');
    expect(engine.inspections).toHaveLength(0);
    expect(engine.sessions).toHaveLength(1);
    expect(engine.sessions[0]).toMatchObject({ isClosed: false, spec: { label: 'm:1', instanceCount: 3 } });
    expect(engine.sessions[0]?.instances).toHaveLength(3);
  });

  it('inspects a large model before it reads the weights', async () => {
    const { engine, load } = story('', 9 * mebibyte);
    expect(await load()).toBe('');
    expect(engine.inspections).toHaveLength(1);
    expect(openSessions(engine)).toHaveLength(1);
  });

  it('inspects a model before a GPU loads it', async () => {
    const engine = new FakeEngine();
    engine.devices = [{ ordinal: 0, name: '', uuid: 'GPU-0', computeCapability: 9, totalBytes: 1 }];
    const { load } = story('', 1, engine);
    expect(await load()).toBe('');
    expect(engine.inspections).toHaveLength(1);
    expect(engine.sessions.map(({ device }) => device.kind)).toEqual(['cuda']);
  });

  it('closes the session of a small model whose configuration does not fit it', async () => {
    const { engine, load } = story('max_batch_size: 4 input { name: "other" data_type: TYPE_FP32 dims: 1 }');
    expect(await load()).toContain("'other'");
    expect(engine.sessions).toHaveLength(1);
    expect(openSessions(engine)).toEqual([]);
  });

  class ChangingEngine extends FakeEngine {
    changes: number;
    constructor(changes: number) {
      super();
      this.changes = changes;
    }
    override async openSession(spec: SessionSpec): Promise<EngineSession> {
      const session = await super.openSession(spec);
      if (this.changes-- <= 0) return session;
      await session.close();
      throw new ChangedFileError('it changed');
    }
  }

  it.each([1, 9 * mebibyte])('opens a model of %d bytes anew when its file changes meanwhile', async (fileBytes) => {
    const { engine, load } = story('', fileBytes, new ChangingEngine(2));
    expect(await load()).toBe('');
    expect(engine.sessions).toHaveLength(3);
    expect(openSessions(engine)).toHaveLength(1);
  });

  it('gives up a model whose file changes without an end', async () => {
    const { engine, load } = story('', 1, new ChangingEngine(Infinity));
    expect(await load()).toBe('it changed');
    expect(engine.sessions).toHaveLength(5);
    expect(openSessions(engine)).toEqual([]);
  });

  it('closes a session that opens after the load was cancelled', async () => {
    const late: (() => void)[] = [];
    class SlowEngine extends FakeEngine {
      override async openSession(spec: SessionSpec): Promise<EngineSession> {
        await new Promise<void>((resolve) => late.push(resolve));
        return super.openSession(spec);
      }
    }
    const { engine, load } = story('', 1, new SlowEngine());
    const ending = new AbortController();
    const loading = load(ending.signal);
    while (late.length === 0) await new Promise(setImmediate);
    ending.abort(cancelled('no longer wanted'));
    expect(await loading).toBe('no longer wanted');
    late[0]?.();
    while (engine.sessions.length === 0) await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(openSessions(engine)).toEqual([]);
  });
});
