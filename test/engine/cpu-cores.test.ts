import { describe, expect, it } from 'vitest';
import { cpuCores } from '../../src/engine/cpu-cores.ts';
import { intraOpThreads } from '../../src/engine/thread-shares.ts';

const cores = (affinity: number, files: Readonly<Record<string, string>>): number =>
  cpuCores(affinity, (path) => files[path] ?? null);

describe('the cores of this process', () => {
  it('are those of the affinity mask where there is no quota', () => {
    expect(cores(6, {})).toBe(6);
    expect(cores(6, { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' })).toBe(6);
  });

  it('follow the quota of cgroup v2, of the group or of one above it', () => {
    const groups = { '/proc/self/cgroup': '0::/a/b\n' };
    expect(cores(8, { ...groups, '/sys/fs/cgroup/a/b/cpu.max': '300000 100000' })).toBe(3);
    expect(
      cores(8, { ...groups, '/sys/fs/cgroup/a/b/cpu.max': 'max 100000', '/sys/fs/cgroup/a/cpu.max': '200000 100000' }),
    ).toBe(2);
    expect(cores(8, { ...groups, '/sys/fs/cgroup/cpu.max': '400000 100000' })).toBe(4);
  });

  it('follow the quota of cgroup v1', () => {
    const v1 = (quota: string) => ({
      '/proc/self/cgroup': '4:memory:/x\n3:cpu,cpuacct:/x\n',
      '/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us': quota,
      '/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us': '100000',
    });
    expect(cores(8, v1('250000\n'))).toBe(2);
    expect(cores(8, v1('-1\n'))).toBe(8);
  });

  it('are at least one', () => {
    expect(cores(8, { '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': '10000 100000' })).toBe(1);
  });

  it('are not misled by files that say nothing sensible', () => {
    for (const text of ['', 'nonsense', '0 0', '-5 100000', 'max']) {
      expect(cores(4, { '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': text })).toBe(4);
    }
    expect(cores(4, { '/proc/self/cgroup': 'a:b\n::::\n0::relative' })).toBe(4);
  });
});

describe('the threads inside one operator', () => {
  it('are shared out between the instances of a session', () => {
    const threads = (instanceCount: number) => intraOpThreads({ intraOpThreads: 0, instanceCount }, 8, false);
    expect([1, 2, 3, 8, 20].map(threads)).toEqual([8, 4, 2, 1, 1]);
    expect(intraOpThreads({ intraOpThreads: 0 }, 4, false)).toBe(4);
  });

  it('are as configured, or those of the common pool', () => {
    expect(intraOpThreads({ intraOpThreads: 5, instanceCount: 8 }, 2, false)).toBe(5);
    expect(intraOpThreads({ intraOpThreads: 5, instanceCount: 8 }, 2, true)).toBe(5);
    expect(intraOpThreads({ intraOpThreads: 0, instanceCount: 2 }, 8, true)).toBe(0);
  });
});
