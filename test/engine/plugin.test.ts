/**
 * Sessions with an execution provider that is a library of its own: the one in EXECUTION_PROVIDER_LIBRARY, which must claim
 * MatMul and neither text nor NonZero, e.g. libonnxruntime_ggml.so of the wheel onnxruntime-ggml. Skipped without.
 */

import { afterAll, describe, expect, it } from 'vitest';
import { productAnswer, productInput, productInputShape, productModel } from '../../src/engine/product-model.ts';
import { elem, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import {
  bytesOf,
  cpuSpec,
  engineForTests,
  floatsIn,
  identityModel,
  modelFolder,
  outputsOf,
  withSession,
} from './model-files.ts';

const { EXECUTION_PROVIDER_LIBRARY: path = '' } = process.env;
const folder = modelFolder();
afterAll(() => folder.remove());

describe.runIf(path !== '')('a session with a plug-in', () => {
  const engine = engineForTests({ plugins: path === '' ? [] : [{ name: 'plugged', path, options: {} }] });
  const plugin = { name: 'plugged', options: new Map<string, string>() };

  it('is known to the engine by the name of its registration', () => {
    expect(engine.describe().plugins).toEqual(['plugged']);
  });

  it('runs what the plug-in claims, to its precision', async () => {
    const spec = cpuSpec(folder.write('product.onnx', productModel()), { plugin });
    const { parts } = await engine.readAssignment(spec);
    expect(parts.map(({ provider }) => provider)).not.toContain('CPUExecutionProvider');
    await withSession(engine, spec, async (instance, session) => {
      expect(session.pluginProblem).toBeNull();
      const inputs = [{ index: 0, shape: productInputShape, parts: [bytesOf(productInput)] }];
      const [output] = await outputsOf(instance, inputs, [0]);
      floatsIn(output.data).forEach((value, i) => {
        expect(Math.abs(value - productAnswer[i])).toBeLessThanOrEqual(2e-3 * Math.abs(productAnswer[i]) + 0.5);
      });
    });
  });

  it('runs on the CPU, and says why, when the plug-in claims nothing', async () => {
    const file = folder.write(
      'positions.onnx',
      model({
        nodes: [node('NonZero', ['x'], ['y'])],
        inputs: [valueInfo('x', tensorType(elem.float, ['N', 1]))],
        outputs: [valueInfo('y', tensorType(elem.int64, [2, 'M']))],
      }),
    );
    await withSession(engine, cpuSpec(file, { plugin }), async (_, session) => {
      expect(session.pluginProblem).toBe("it takes none of the model's 1 nodes");
    });
    const strict = { plugin, sessionEntries: new Map([['session.disable_cpu_ep_fallback', '1']]) };
    await expect(engine.openSession(cpuSpec(file, strict))).rejects.toThrow(/fallback/);
  });

  it('runs on the CPU, with the reason, when the plug-in cannot compile what it claimed', async () => {
    const file = folder.write('text.onnx', identityModel(elem.string, ['N', 1]));
    await withSession(engine, cpuSpec(file, { plugin }), async (instance, session) => {
      expect(session.pluginProblem).toMatch(/\w/);
      const text = Uint8Array.from([1, 0, 0, 0, 97]);
      const [output] = await outputsOf(instance, [{ index: 0, shape: [1, 1], parts: [text] }], [0]);
      expect(output.data).toEqual(text);
    });
  });

  it('runs on the CPU when the plug-in was not registered', async () => {
    const file = folder.write('product.onnx', productModel());
    await withSession(engine, cpuSpec(file, { plugin: { ...plugin, name: 'other' } }), async (_, session) => {
      expect(session.pluginProblem).toBe("the execution provider 'other' is not registered");
    });
  });
});
