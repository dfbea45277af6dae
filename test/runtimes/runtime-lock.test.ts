import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { defaultLockPath, readRuntimeLock, runtimeName, wheelsFor } from '../../src/runtimes/runtime-lock.ts';
import { lockOf, wheelOf } from './wheel-writer.ts';

const folder = mkdtempSync(join(tmpdir(), 'nereid-lock-'));
afterAll(() => rmSync(folder, { recursive: true }));

const { locked } = wheelOf('nvidia-a', { 'liba.so.1': 10 });

function read(value: unknown): unknown {
  const path = join(folder, 'lock.json');
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return readRuntimeLock(path);
}

describe('the lock file', () => {
  it('of this version names every library that the CUDA provider needs, for each platform', () => {
    const lock = readRuntimeLock(defaultLockPath);
    expect(runtimeName(lock)).toMatch(/^1\.\d+\.\d+-cuda13$/);
    for (const platform of ['linux-x64', 'linux-arm64']) {
      const names = wheelsFor(lock, platform).flatMap(({ libraries }) => libraries.map(({ name }) => name));
      expect(names).toEqual(
        expect.arrayContaining([
          'libonnxruntime.so.1',
          'libonnxruntime_providers_shared.so',
          'libonnxruntime_providers_cuda.so',
          'libcudart.so.13',
          'libcublas.so.13',
          'libcublasLt.so.13',
          'libcurand.so.10',
          'libcufft.so.12',
          'libcudnn.so.9',
          'libnvrtc.so.13',
        ]),
      );
    }
  });

  it('has no wheels for other platforms, which is said with those it has', () => {
    expect(() => wheelsFor(lockOf([locked]), 'darwin-arm64')).toThrow(/no GPU runtime for darwin-arm64.*linux-x64/);
    expect(() => wheelsFor(lockOf([locked]), '__proto__')).toThrow(/no GPU runtime/);
  });

  it.each<[string, unknown, RegExp]>([
    ['no JSON', '{', /cannot be read/],
    ['no object', null, /release must be/],
    ['a release that leads elsewhere', { ...lockOf([locked]), release: '../../1' }, /release must be/],
    ['a short hash', lockOf([{ ...locked, sha256: 'ab' }]), /sha256 of nvidia-a must be 64/],
    ['a file in a folder', lockOf([{ ...locked, file: '../a.whl' }]), /file of nvidia-a must be/],
    [
      'a library in a folder',
      lockOf([{ ...locked, libraries: [{ path: 'a', name: '../x', bytes: 1 }] }]),
      /name must be/,
    ],
    ['a hidden library', lockOf([{ ...locked, libraries: [{ path: 'a', name: '..', bytes: 1 }] }]), /name must be/],
    ['a licence without a name', lockOf([{ ...locked, licences: ['a/..'] }]), /licences of nvidia-a/],
    ['no libraries', lockOf([{ ...locked, libraries: [] }]), /libraries of nvidia-a must be a list/],
    ['a library twice', lockOf([locked, locked]), /liba\.so\.1 is there twice/],
  ])('is refused with %s', (_what, value, message) => {
    expect(() => read(value)).toThrow(message);
  });
});
