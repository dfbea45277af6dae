import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseRuntime } from '../../src/runtimes/choose-runtime.ts';
import { findCudaLibraries } from '../../src/runtimes/cuda-libraries.ts';
import { neededLibraries } from '../../src/runtimes/elf-needed.ts';
import type { InstalledRuntime } from '../../src/runtimes/installed-runtimes.ts';

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'nereid-runtimes-'));
});
afterAll(() => rmSync(root, { recursive: true }));

/** Writes a file and the folders above it. */
function write(path: string, content: string | Uint8Array = ''): string {
  const whole = join(root, path);
  mkdirSync(join(whole, '..'), { recursive: true });
  writeFileSync(whole, content);
  return whole;
}

const installedAs = (name: string, problem: string | null = null): InstalledRuntime => ({
  name,
  folder: `/cache/${name}`,
  bytes: 1,
  problem,
  manifest: null,
});

const question = {
  libraryPath: null,
  fromEnvironment: undefined,
  cwd: '/',
  installed: () => [installedAs('1.32.0-cuda13', 'cut short'), installedAs('1.31.1-cuda13')],
  hasDriver: () => true,
};

describe('the runtime', () => {
  it('is the named library, then that of NEREID_RUNTIME, a file or a folder', () => {
    const library = write('mine/libonnxruntime.so.1');
    const both = { ...question, fromEnvironment: join(root, 'mine') };
    expect(chooseRuntime({ ...both, libraryPath: '/given.so' }).libraryPath).toBe('/given.so');
    expect(chooseRuntime(both)).toMatchObject({ libraryPath: library, reason: 'NEREID_RUNTIME' });
    expect(chooseRuntime({ ...question, cwd: root, fromEnvironment: 'mine/libonnxruntime.so.1' }).libraryPath).toBe(
      library,
    );
    expect(() => chooseRuntime({ ...question, fromEnvironment: join(root, 'gone') })).toThrow(
      /NEREID_RUNTIME expects an ONNX Runtime library, or the folder of a runtime, but '.*gone' was given/,
    );
  });

  it('is the newest installed one that is whole, if there is a driver', () => {
    expect(chooseRuntime(question)).toEqual({
      libraryPath: '/cache/1.31.1-cuda13/libonnxruntime.so.1',
      reason: 'the installed runtime 1.31.1-cuda13',
      waiting: null,
    });
  });

  it('is the npm package’s without a driver, without an installed one, and when that is broken', () => {
    const without = chooseRuntime({ ...question, hasDriver: () => false });
    expect(without).toMatchObject({ libraryPath: null, waiting: '1.31.1-cuda13' });
    expect(without.reason).toContain('1.31.1-cuda13 is installed, but there is no NVIDIA driver');
    expect(chooseRuntime({ ...question, installed: () => [] })).toMatchObject({ libraryPath: null, waiting: null });
    const broken = chooseRuntime({ ...question, installed: () => [installedAs('1.31.1-cuda13', 'cut short')] });
    expect(broken.libraryPath).toBeNull();
    expect(broken.reason).toContain('1.31.1-cuda13 cannot be used, cut short; nereid gpu install repairs it');
  });
});

/** A shared library of 64 bits with no more than the names of those it needs. */
function elfThatNeeds(names: readonly string[]): Buffer {
  const strings = Buffer.from(`\0${names.map((name) => `${name}\0`).join('')}`);
  const dynamic = Buffer.alloc((names.length + 1) * 16);
  let at = 1;
  for (const [i, name] of names.entries()) {
    dynamic.writeBigInt64LE(1n, i * 16);
    dynamic.writeBigUInt64LE(BigInt(at), i * 16 + 8);
    at += name.length + 1;
  }
  const header = Buffer.alloc(64);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(header);
  const [stringsAt, dynamicAt] = [64, 64 + strings.length];
  header.writeBigUInt64LE(BigInt(dynamicAt + dynamic.length), 40);
  header.writeUInt16LE(2, 60);
  const section = (type: number, offset: number, bytes: number, link: number): Buffer => {
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE(type, 4);
    entry.writeBigUInt64LE(BigInt(offset), 24);
    entry.writeBigUInt64LE(BigInt(bytes), 32);
    entry.writeUInt32LE(link, 40);
    return entry;
  };
  const sections = [section(3, stringsAt, strings.length, 0), section(6, dynamicAt, dynamic.length, 0)];
  return Buffer.concat([header, strings, dynamic, ...sections]);
}

describe('the libraries that a library needs', () => {
  it('are read from its file', () => {
    const names = ['libcublas.so.13', 'libc.so.6'];
    expect(neededLibraries(write('elf.so', elfThatNeeds(names)))).toEqual(names);
    // The program that runs this is a library of the same kind where there are wheels.
    if (process.platform === 'linux') expect(neededLibraries(process.execPath)).toContain('libc.so.6');
  });

  it('are none for a file that is cut short or something else', () => {
    const whole = elfThatNeeds(['libcublas.so.13']);
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('text'.repeat(99)),
      ...Array.from(whole, (_, i) => whole.subarray(0, i)),
    ]) {
      expect(neededLibraries(write('odd.so', bytes)).join()).toMatch(/^(libcublas\.so\.13)?$/);
    }
  });
});

describe('the libraries of CUDA', () => {
  it('are none for a runtime without a CUDA provider', () => {
    expect(findCudaLibraries(write('cpu/libonnxruntime.so.1'), [], {})).toEqual([]);
  });

  it('are looked for in chosen folders, beside the runtime, for the loader and in a Python environment', () => {
    const library = write('gpu/libonnxruntime.so.1');
    const needed = ['libcudart.so.13', 'libcublas.so.13', 'libcurand.so.10', 'libcuda.so.1', 'libdl.so.2'];
    write('gpu/libonnxruntime_providers_cuda.so', elfThatNeeds(needed));
    const chosen = write('chosen/libcudart.so.13');
    write('gpu/libcudart.so.13');
    const beside = write('gpu/libcublas.so.13');
    write('loader/libcublas.so.13');
    const ofLoader = write('loader/libcurand.so.10');
    const python = 'env/lib/python3.12/site-packages/nvidia';
    const cudnn = write(`${python}/cudnn/lib/libcudnn.so.9`);
    const part = write(`${python}/cudnn/lib/libcudnn_ops.so.9`);
    const env = { LD_LIBRARY_PATH: `relative:${join(root, 'loader')}`, VIRTUAL_ENV: join(root, 'env') };
    const found = findCudaLibraries(library, [join(root, 'chosen')], env);
    expect(found).toEqual(expect.arrayContaining([chosen, beside, ofLoader, part, cudnn]));
    // A toolkit of this machine may bring parts of its own.
    const names = found
      .map((path) => path.slice(path.lastIndexOf('/') + 1))
      .filter((name) => !name.includes('builtins'));
    expect(names.sort()).toEqual([
      'libcublas.so.13',
      'libcudart.so.13',
      'libcudnn.so.9',
      'libcudnn_ops.so.9',
      'libcufft.so.12',
      'libcurand.so.10',
      'libnvJitLink.so.13',
      'libnvrtc.so.13',
    ]);
  });
});
