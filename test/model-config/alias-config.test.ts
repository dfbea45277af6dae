import { describe, expect, it } from 'vitest';

import { resolveAliasConfig } from '../../src/model-config/alias-config.ts';
import { aliasTarget } from '../../src/model-config/alias-target.ts';
import { faultsWithoutModel } from '../../src/model-config/inspect-config.ts';
import { readConfigMessage, resolveModelConfig } from '../../src/model-config/resolve-config.ts';
import { modelSignature, tensorSpec } from '../fakes/make-model.ts';

const settings = { autoComplete: true, defaultMaxBatchSize: 4, gpuOrdinals: [], gpuProblem: null };
const query = (text: string) => ({
  modelName: 'stable',
  source: { kind: 'file' as const, path: '/models/stable/config.pbtxt', text },
  settings,
});
const parameter = (key: string, value: string): string =>
  `parameters { key: "${key}" value { string_value: "${value}" } }`;

describe('the configuration of an alias', () => {
  it('names a model, and a version where one is meant', () => {
    const newest = `platform: "alias" ${parameter('target_model', 'resnet')}`;
    expect(aliasTarget(readConfigMessage(query(newest)))).toEqual({ model: 'resnet', version: null });
    const fixed = `${newest} ${parameter('target_version', '3')}`;
    expect(aliasTarget(readConfigMessage(query(fixed)))).toEqual({ model: 'resnet', version: 3 });
    expect(faultsWithoutModel(query(fixed))).toEqual([]);
  });

  it.each([
    ['', "alias 'stable' must name the model that it stands for: parameters"],
    [parameter('target_model', 'stable'), "alias 'stable' must not stand for itself"],
    [
      `${parameter('target_model', 'm')} ${parameter('target_version', 'newest')}`,
      "parameter 'target_version' must be a positive integer, got 'newest'",
    ],
    [`${parameter('target_model', 'm')} ${parameter('target_version', '0')}`, "got '0'"],
    [`${parameter('target_model', 'm')} ${parameter('target_modle', 'm')}`, "unknown parameter 'target_modle'"],
    [`${parameter('target_model', 'm')} max_batch_size: 4`, "must not have max_batch_size, which is its target's"],
    [`${parameter('target_model', 'm')} instance_group { count: 1 }`, 'must not have instance_group'],
    [`${parameter('target_model', 'm')} backend: "onnxruntime"`, "must have platform 'alias' and no backend"],
  ])('is refused with everything that is wrong: %s', (text, reason) => {
    expect(() => readConfigMessage(query(`platform: "alias" ${text}`))).toThrow(reason);
    expect(faultsWithoutModel(query(`platform: "alias" ${text}`)).join('; ')).toContain(reason);
  });

  it('shows the tensors of the target, and none of its instances', () => {
    const target = resolveModelConfig({
      modelName: 'resnet',
      source: {
        kind: 'file',
        path: '/models/resnet/config.pbtxt',
        text: 'max_batch_size: 8 instance_group { count: 2 }',
      },
      settings,
      signature: modelSignature([tensorSpec('x', 'FP32', [-1, 4])], [tensorSpec('y', 'FP32', [-1, 4])]),
    });
    const message = readConfigMessage(
      query(`platform: "alias" ${parameter('target_model', 'resnet')} metric_tags { key: "team" value: "x" }`),
    );
    const config = resolveAliasConfig(message, target);
    expect(config.name).toBe('stable');
    expect(config.maxBatchSize).toBe(8);
    expect(config.inputs).toBe(target.inputs);
    expect([...config.metricTags]).toEqual([['_team', 'x']]);
    expect(config.message).toMatchObject({ name: 'stable', platform: 'alias', max_batch_size: 8 });
    expect(config.message.input).toEqual(target.message.input);
    expect(config.message).not.toHaveProperty('instance_group');
    expect(config.message).not.toHaveProperty('backend');
  });
});
