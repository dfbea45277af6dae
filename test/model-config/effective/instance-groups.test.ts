import { describe, expect, it } from 'vitest';
import { addSub, cpuSettings, problemOf, resolve } from '../signatures.ts';

const gpus = { ...cpuSettings, gpuOrdinals: [0, 1] };
const groups = (text: string | null, settings = cpuSettings) => resolve(text, addSub, settings).instanceGroups;

describe('instance groups', () => {
  it('are one instance on the CPU where nothing is said and no GPU is there', () => {
    expect(groups(null)).toEqual([{ name: 'm', count: 1, kind: 'cpu', gpus: [], isDemanded: false, isPassive: false }]);
  });

  it('are one instance on each GPU where nothing is said', () => {
    expect(groups(null, gpus)).toEqual([
      { name: 'm', count: 1, kind: 'gpu', gpus: [0, 1], isDemanded: false, isPassive: false },
    ]);
  });

  it('are named after the model and their place, and count at least one', () => {
    const [first, second] = groups(
      'instance_group [ { kind: KIND_CPU }, { name: "x" count: 3 kind: KIND_CPU } ]',
      gpus,
    );
    expect(first).toMatchObject({ name: 'm_0', count: 1, kind: 'cpu', gpus: [] });
    expect(second).toMatchObject({ name: 'x', count: 3 });
  });

  it('demand the GPU when it is written down', () => {
    expect(groups('instance_group { kind: KIND_GPU gpus: 1 gpus: 1 }', gpus)[0]).toMatchObject({
      kind: 'gpu',
      gpus: [1],
      isDemanded: true,
    });
    expect(groups('instance_group { gpus: 0 }', gpus)[0]).toMatchObject({ kind: 'gpu', gpus: [0], isDemanded: true });
    expect(groups('instance_group { kind: KIND_AUTO }', gpus)[0]).toMatchObject({
      kind: 'gpu',
      gpus: [0, 1],
      isDemanded: false,
    });
  });

  it.each([
    ['kind: KIND_GPU', 'instance group m_0 of model m has kind KIND_GPU but no GPUs are available'],
    ['gpus: 0', 'instance group m_0 of model m has kind KIND_GPU but no GPUs are available'],
    ['kind: KIND_CPU gpus: 0', 'instance group m_0 of model m has kind KIND_CPU but specifies one or more GPUs'],
    ['count: -1', 'has count -1'],
    ['count: 2000000000', 'expected 1…1024 instances per device'],
    ['passive: true', 'only passive instance groups'],
    [
      'profile: "0"',
      'instance group m_0 of model m and platform onnxruntime_onnxspecifies profile field which is only supported for TensorRT models',
    ],
  ])('refuse %s without GPUs', (group, expected) => {
    expect(problemOf(() => groups(`instance_group { ${group} }`))).toContain(expected);
  });

  it('refuse GPUs that are not there', () => {
    expect(problemOf(() => groups('instance_group { kind: KIND_GPU gpus: [ 0, 7 ] }', gpus))).toBe(
      'config.pbtxt:1:33: instance group m_0 of model m specifies invalid or unsupported gpu id 7. GPUs with at least the minimum required CUDA compute compatibility of 6.000000 are: 0 1',
    );
  });

  it('say why there is no GPU when one is demanded', () => {
    const settings = { ...cpuSettings, gpuProblem: 'the driver library libcuda.so.1 is missing' };
    expect(problemOf(() => groups('instance_group { kind: KIND_GPU }', settings))).toContain(
      'no GPUs are available: the driver library libcuda.so.1 is missing',
    );
  });

  it('appear resolved in the message', () => {
    const config = resolve('instance_group { kind: KIND_AUTO host_policy: "a" }', addSub, gpus);
    expect(config.message.instance_group).toEqual([
      { name: 'm_0', count: 1, kind: 'KIND_GPU', gpus: [0, 1], host_policy: 'a' },
    ]);
  });
});
