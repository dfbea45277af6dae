/** Requests for a GPU on a machine without a usable one, and the description of the machine by the engine. */

import { existsSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { createNativeEngine } from '../../src/engine/native-engine.ts';
import { silentLogger } from '../../src/logger.ts';
import { floats } from '../models/onnx-writer.ts';
import {
  cpuSpec,
  doublingModel,
  engineForTests,
  floatsIn,
  modelFolder,
  outputsOf,
  withSession,
} from './model-files.ts';

const engine = engineForTests();
const folder = modelFolder();
afterAll(() => folder.remove());

const { cudaProblem } = engine.describe();
const cuda = { kind: 'cuda', ordinal: 0 } as const;

describe('the description of the machine', () => {
  it('names the runtime, its providers and the cores', () => {
    const description = engine.describe();
    expect(description.runtimeVersion).toMatch(/^1\.\d+\.\d+/);
    expect(existsSync(description.runtimePath)).toBe(true);
    expect(description.providers).toContain('CPUExecutionProvider');
    expect(description.cpuCores).toBeGreaterThanOrEqual(1);
    expect(description.buildInfo.length).toBeGreaterThan(0);
  });

  it('lists devices only where nothing is missing for them, and else says what is', () => {
    if (cudaProblem === null) expect(engine.cudaDevices().length).toBeGreaterThan(0);
    else expect(cudaProblem).toMatch(/libonnxruntime_providers|driver|lib\w+\.so|built without CUDA/);
  });
});

describe.runIf(cudaProblem !== null)('a session for a GPU that cannot be had', () => {
  it('runs on the CPU and says why', async () => {
    const spec = cpuSpec(folder.write('double.onnx', doublingModel(1)), { device: cuda });
    await withSession(engine, spec, async (instance, session) => {
      expect(session.device).toEqual({ kind: 'cpu' });
      expect(session.fallbackReason).toBe(cudaProblem);
      const [output] = await outputsOf(instance, [{ index: 0, shape: [1, 1], parts: [floats([4])] }], [0]);
      expect(floatsIn(output.data)).toEqual([8]);
    });
  });

  it('fails with the reason when the device is required', async () => {
    const spec = cpuSpec(folder.write('double.onnx', doublingModel(1)), { device: cuda, requireDevice: true });
    await expect(engine.openSession(spec)).rejects.toMatchObject({ code: 'failed_precondition', message: cudaProblem });
  });
});

describe('a second engine', () => {
  it('is refused in the same thread', () => {
    expect(() => engineForTests()).toThrow(/has loaded the engine already/);
  });

  it('is refused with another library', () => {
    const options = { libraryPath: '/nowhere/libonnxruntime.so.1', globalThreadPool: null, logger: silentLogger };
    expect(() => createNativeEngine(options)).toThrow(/already/);
  });
});
