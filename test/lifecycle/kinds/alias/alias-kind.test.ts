import { describe, expect, it } from 'vitest';

import type { InferenceResponse } from '../../../../src/inference/response.ts';
import { aliasKind } from '../../../../src/lifecycle/kinds/alias/alias-kind.ts';
import { ModelVersion } from '../../../../src/lifecycle/model-version.ts';
import type { Servable, ServableTools, VersionTask } from '../../../../src/lifecycle/servable.ts';
import { silentLogger } from '../../../../src/logger.ts';
import type { ConfigMessage } from '../../../../src/model-config/schema/config-message.ts';
import { newMessage } from '../../../../src/model-config/schema/message.ts';
import { compileAdmission } from '../../../../src/scheduling/admission/plan.ts';
import { signatureOf } from '../../../fakes/make-model.ts';
import { fp32, inferenceContext, inferenceRequest } from '../../../fakes/make-request.ts';
import { RecordingObserver } from '../../../fakes/recording-observer.ts';
import { Stage, settle } from '../../../scheduling/stage.ts';
import { countingNothing } from '../../fake-source.ts';

class Counted extends RecordingObserver {
  isRetired = false;
  loaded = (): void => undefined;
  retire = (): void => {
    this.isRetired = true;
  };
  snapshot = countingNothing.snapshot;
}

/** A target on a stage, and an alias of it named `stable`, version 3. */
async function aliasOf(stage: Stage) {
  const { config, clock, scheduler } = stage;
  const signature = signatureOf(config);
  const admission = compileAdmission(config, signature);
  const servable: Servable = {
    config,
    signature,
    admission,
    scheduler,
    entry: scheduler,
    statistics: countingNothing,
    close: () => Promise.resolve(),
  };
  const observer = { versionMoved: () => undefined };
  const target = new ModelVersion('resnet', 1, observer, clock);
  const { signal } = new AbortController();
  const load = (part: Servable) => (warming: () => void) => {
    warming();
    return Promise.resolve(part);
  };
  await target.load(load(servable), signal);
  const counted = new Counted();
  const tools = {
    statistics: () => counted,
    interceptors: [],
    clock,
    logger: silentLogger,
  } as unknown as ServableTools;
  const parameters = newMessage({ target_model: newMessage({ string_value: 'resnet' }) });
  const message: ConfigMessage = newMessage({ name: 'stable', platform: 'alias', parameters });
  const task = { model: 'stable', version: 3, message } as VersionTask;
  const alias = new ModelVersion('stable', 3, observer, clock);
  await alias.load((warming) => aliasKind.load(task, tools, warming, signal, [target]), signal, [target]);
  const answers: InferenceResponse[] = [];
  const failures: string[] = [];
  const ask = (values: readonly number[], name = 'INPUT'): void =>
    alias.infer(
      inferenceRequest({ id: 'q', inputs: [fp32(name, [values.length, 1], values)] }),
      inferenceContext({ receivedAtMs: clock.now() }),
      {
        next: (response) => answers.push(response),
        fail: ({ code, message: text }) => failures.push(`${code}: ${text}`),
      },
    );
  return { alias, target, counted, answers, failures, ask };
}

describe('an alias', () => {
  it('shares batches with its target and answers under its own name', async () => {
    const stage = new Stage({ config: { maxBatchSize: 4 } });
    const { ask, answers } = await aliasOf(stage);
    ask([1, 2]);
    const other = stage.send([3]);
    await stage.turn();
    await stage.complete();
    expect(stage.observer.batches).toHaveLength(1);
    expect(answers).toMatchObject([{ modelName: 'stable', modelVersion: '3', id: 'q', isBatched: true }]);
    expect(answers[0]?.outputs[0]?.shape[0]).toBe(2);
    expect(other.response).toMatchObject({ modelName: stage.config.name, modelVersion: '1' });
    answers[0]?.release();
    other.response?.release();
    await settle();
    expect(stage.instance.last.releaseCount).toBe(1);
  });

  it('counts its requests beside those of its target', async () => {
    const stage = new Stage({ config: { maxBatchSize: 4 } });
    const { ask, counted, failures } = await aliasOf(stage);
    ask([1, 2]);
    ask([1], 'WRONG');
    await stage.turn();
    await stage.complete();
    expect(counted.successes).toHaveLength(1);
    expect(counted.batches).toMatchObject([{ rows: 2 }]);
    expect(stage.observer.successes).toHaveLength(1);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toContain("'stable'");
  });

  it('is unloaded when its last request is answered, and then releases its target', async () => {
    const stage = new Stage({ config: { maxBatchSize: 4 } });
    const { alias, target, ask, answers, counted } = await aliasOf(stage);
    ask([1]);
    await stage.turn();
    const gone = [alias.retire(), target.retire()];
    await settle();
    expect([alias.state, target.state]).toEqual(['draining', 'draining']);
    await stage.complete();
    await Promise.all(gone);
    expect(answers).toHaveLength(1);
    expect([alias.state, target.state]).toEqual(['gone', 'gone']);
    expect(counted.isRetired).toBe(true);
  });
});
