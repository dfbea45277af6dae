/** The product of `doctor` on the real CPU, and where there is no GPU. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { checkDevices } from '../../src/engine/device-check.ts';
import { systemClock } from '../../src/time.ts';
import { engineForTests, modelFolder } from './model-files.ts';

const engine = engineForTests();
const cpu = { kind: 'cpu' } as const;
const folder = modelFolder();
afterAll(() => folder.remove());
afterEach(() => vi.unstubAllEnvs());

describe('the check of devices', () => {
  it('finds the known answer on the CPU, and leaves no file behind', async () => {
    vi.stubEnv('TMPDIR', folder.path);
    expect(await checkDevices(engine, [cpu], systemClock)).toEqual([{ device: cpu, problem: null }]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('does not let the CPU answer for a GPU that is not there', async () => {
    const device = { kind: 'cuda', ordinal: 99 } as const;
    const [check] = await checkDevices(engine, [device], systemClock);
    expect(check.problem).toMatch(/CUDA|GPU|driver/);
  });

  it('says so where no temporary file can be written', async () => {
    const gone = join(folder.path, 'gone');
    vi.stubEnv('TMPDIR', gone);
    const [check] = await checkDevices(engine, [cpu], systemClock);
    expect(check.problem).toMatch(/its model cannot be written \(.*\); TMPDIR names a folder/);
    expect(existsSync(gone)).toBe(false);
  });
});
