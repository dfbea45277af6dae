import { spawnSync } from 'node:child_process';

import { describe, expect, it } from 'vitest';

import { compileSoonerFlag } from '../../src/cli/compile-sooner.ts';

describe('compileSoonerFlag', () => {
  it.each([
    ['11.3.244.8-node.38', '--interrupt-budget=15000'],
    ['12.4.254.21-node.57', '--invocation-count-for-turbofan=500'],
    ['13.6.233.17-node.53', '--invocation-count-for-turbofan=500'],
  ])('is the budget that V8 %s has', (version, flag) => {
    expect(compileSoonerFlag(version, ['--max-old-space-size=100'])).toBe(flag);
  });

  it('leaves a value alone that the process was started with', () => {
    expect(compileSoonerFlag('11.3', ['--interrupt-budget=67584'])).toBeNull();
    expect(compileSoonerFlag('11.3', ['--interrupt_budget=67584'])).toBeNull();
    expect(compileSoonerFlag('12.4', ['--invocation-count-for-turbofan=3000'])).toBeNull();
  });

  it('is a flag that this V8 knows and takes after its start', () => {
    const flag = compileSoonerFlag(process.versions.v8, []);
    // V8 reports an unknown flag on standard error and goes on.
    const { status, stderr } = spawnSync(process.execPath, ['-e', `v8.setFlagsFromString('${flag}')`]);
    expect(String(stderr)).toBe('');
    expect(status).toBe(0);
  });
});
