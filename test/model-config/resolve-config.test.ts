import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InferenceError } from '../../src/errors.ts';
import { readConfigMessage, resolveModelConfig } from '../../src/model-config/resolve-config.ts';
import { configJson } from '../../src/model-config/schema/write-config.ts';
import { addSub, addSubIo, cpuSettings, problemOf, resolve, signature, tensor } from './signatures.ts';

const json = (text: string) => ({ modelName: 'm', source: { kind: 'json', text }, settings: cpuSettings }) as const;

describe('resolving a configuration', () => {
  it('reads the message before the signature is known', () => {
    expect(readConfigMessage(json('{"defaultModelFilename": "net.onnx", "versionPolicy": {"all": {}}}'))).toEqual({
      name: 'm',
      backend: 'onnxruntime',
      platform: 'onnxruntime_onnx',
      default_model_filename: 'net.onnx',
      version_policy: { all: {} },
    });
  });

  it('has one meaning for text and JSON', () => {
    const text = resolve(`max_batch_size: 8 ${addSubIo} dynamic_batching { max_queue_delay_microseconds: 100 }`);
    const sameAsJson = resolveModelConfig({ ...json(configJson(text.message)), signature: addSub });
    expect(JSON.parse(configJson(sameAsJson.message))).toEqual(JSON.parse(configJson(text.message)));
    expect(sameAsJson.ignoredFields).toEqual([]);
    expect(sameAsJson.dynamicBatching).toEqual(text.dynamicBatching);
  });

  it('accepts its own output, for every shape of model', () => {
    const dimension = fc.constantFrom<number | string>('', 'N', 'batch', 'seq', 0, 1, 3);
    const shape = fc.option(fc.array(dimension, { maxLength: 3 }));
    const tensors = (prefix: string) =>
      fc
        .array(fc.record({ shape, isOptional: fc.boolean() }), { maxLength: 3 })
        .map((specs) =>
          specs.map((spec, index) =>
            tensor(`${prefix}${index}`, spec.shape, 'FP32', prefix === 'i' && spec.isOptional),
          ),
        );
    const property = fc.property(tensors('i'), tensors('o'), (inputs, outputs) => {
      const model = signature(inputs, outputs);
      const first = resolve(null, model);
      const again = resolveModelConfig({ ...json(configJson(first.message)), signature: model });
      expect(JSON.parse(configJson(again.message))).toEqual(JSON.parse(configJson(first.message)));
      expect(again.inputs).toEqual(first.inputs);
    });
    fc.assert(property, { seed: 11, numRuns: 300 });
  });

  it('freezes the result in depth', () => {
    const config = resolve(null);
    const dims = config.inputs[0]?.dims as number[];
    expect(() => dims.push(1)).toThrow(TypeError);
    expect(Object.isFrozen(config.message.optimization)).toBe(true);
    expect(Object.isFrozen(config.engine)).toBe(true);
  });

  it('orders preferred sizes and reads queue policies', () => {
    const config = resolve(`max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 8, 2, 4, 4 ]
      max_queue_delay_microseconds: 250 priority_levels: 2 default_priority_level: 2
      default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 5000 allow_timeout_override: true }
      priority_queue_policy { key: 1 value { max_queue_size: 3 } } }`);
    expect(config.dynamicBatching).toMatchObject({
      preferredBatchSizes: [2, 4, 8],
      maxQueueDelayUs: 250,
      priorityLevels: 2,
      defaultPriorityLevel: 2,
      defaultQueuePolicy: {
        timeoutAction: 'delay',
        defaultTimeoutUs: 5000,
        allowTimeoutOverride: true,
        maxQueueSize: 0,
      },
    });
    expect(config.dynamicBatching?.priorityQueuePolicies.get(1)?.maxQueueSize).toBe(3);
  });

  it('takes the largest timeout there is', () => {
    const config = resolve(
      'dynamic_batching { default_queue_policy { default_timeout_microseconds: 18446744073709551615 } }',
    );
    expect(config.dynamicBatching?.defaultQueuePolicy.defaultTimeoutUs).toBe(2 ** 64);
    expect(configJson(config.message)).toContain('"default_timeout_microseconds":18446744073709551615');
  });

  it('refuses a delay that no caller would wait for', () => {
    expect(() => resolve('dynamic_batching { max_queue_delay_microseconds: 3600000001 }')).toThrow(
      'max_queue_delay_microseconds must be at most 3600000000 (an hour)',
    );
    expect(
      resolve('dynamic_batching { max_queue_delay_microseconds: 3600000000 }').dynamicBatching?.maxQueueDelayUs,
    ).toBe(3600e6);
  });

  it.each([
    ['', { kind: 'latest', count: 1 }],
    ['version_policy { }', { kind: 'latest', count: 1 }],
    ['version_policy { latest { } }', { kind: 'latest', count: 1 }],
    ['version_policy { latest { num_versions: 3 } }', { kind: 'latest', count: 3 }],
    ['version_policy: { all { } }', { kind: 'all' }],
    ['version_policy { specific { versions: [ 3, 1 ] } }', { kind: 'specific', versions: [3, 1] }],
  ])('reads the version policy %j', (text, expected) => {
    expect(resolve(text).versionPolicy).toEqual(expected);
  });

  it('prefixes metric tags and keeps parameters', () => {
    const config = resolve(
      'metric_tags { key: "team" value: "a" } parameters { key: "x" value { string_value: "y" } }',
    );
    expect([...config.metricTags]).toEqual([['_team', 'a']]);
    expect([...config.parameters]).toEqual([['x', 'y']]);
  });

  it('names the file, never its folders', () => {
    const read = (path: string) =>
      problemOf(() =>
        readConfigMessage({ modelName: 'm', source: { kind: 'file', path, text: 'x' }, settings: cpuSettings }),
      );
    expect(read('/secret/m/config.pbtxt')).toMatch(/^config\.pbtxt:1:2: /);
    expect(read('/secret/m/configs/fast.pbtxt')).toMatch(/^configs\/fast\.pbtxt:1:2: /);
  });

  it('throws nothing but InferenceError for any JSON object', () => {
    const fields = [
      'input',
      'output',
      'max_batch_size',
      'dynamic_batching',
      'instance_group',
      'parameters',
      'name',
      'version_policy',
    ];
    const property = fc.property(fc.dictionary(fc.constantFrom(...fields), fc.jsonValue()), (value) => {
      try {
        resolveModelConfig({ ...json(JSON.stringify(value)), signature: addSub });
      } catch (error) {
        expect(error).toBeInstanceOf(InferenceError);
      }
    });
    fc.assert(property, { seed: 3, numRuns: 500 });
  });
});
