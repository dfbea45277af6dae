/** Which ONNX Runtime and which libraries of CUDA a process takes: with a driver, an installed runtime and libraries made by cc. */

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findRuntimeLibrary } from '../../src/engine/load-native.ts';
import { cLibrary } from '../engine/c-library.ts';

const main = join(import.meta.dirname, '../../dist/main.js');
let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'nereid-runtime-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const library = (path: string, source: string, flags: readonly string[] = []) =>
  cLibrary(join(root, path), source, flags);

/** A driver with one GPU, as far as it is asked. */
const driverSource = `
  int cuInit(unsigned f) { return 0; }
  int cuGetErrorString(int c, const char **r) { *r = "error"; return 0; }
  int cuDeviceGetCount(int *n) { *n = 1; return 0; }
  int cuDeviceGet(int *h, int o) { *h = 0; return 0; }
  int cuDeviceGetName(char *b, int n, int h) { b[0] = 'G'; b[1] = 0; return 0; }
  int cuDeviceGetUuid(void *u, int h) { return 0; }
  int cuDeviceGetAttribute(int *v, int a, int h) { *v = a == 75 ? 9 : 0; return 0; }
  int cuDeviceTotalMem_v2(unsigned long *b, int h) { *b = 1ul << 34; return 0; }
  int cuDriverGetVersion(int *v) { *v = 13000; return 0; }`;

/** The management library beside it: 5 of 16 GiB are free. */
const managementSource = `
  int nvmlInit_v2(void) { return 0; }
  int nvmlShutdown(void) { return 0; }
  int nvmlSystemGetDriverVersion(char *b, unsigned n) { b[0] = '6'; b[1] = 0; return 0; }
  int nvmlDeviceGetHandleByUUID(const char *uuid, void **d) { *d = 0; return uuid[0] == 'G' ? 0 : 2; }
  int nvmlDeviceGetMemoryInfo(void *d, unsigned long long *m) { m[0] = 16ull << 30; m[1] = 5ull << 30; return 0; }`;

interface Report {
  readonly devices: readonly { readonly totalBytes: number; readonly freeBytes: number | null }[];
  readonly driver: { readonly version: string | null; readonly cudaVersion: string | null };
  readonly checks: readonly { readonly problem: string | null }[];
  readonly description: {
    readonly runtimePath: string;
    readonly cudaProblem: string;
    readonly cudaLibraries: readonly { readonly wanted: string; readonly path: string | null }[];
  };
  readonly runtime: { readonly reason: string };
  readonly engineProblem: string | null;
}

function doctor(flags: readonly string[], env: Readonly<Record<string, string>>): Report {
  const whole = { ...process.env, XDG_CACHE_HOME: join(root, 'cache'), NEREID_RUNTIME: '', ...env };
  const { stdout } = spawnSync(process.execPath, [main, 'doctor', '--json', ...flags], {
    env: whole,
    encoding: 'utf8',
  });
  return JSON.parse(stdout) as Report;
}

/** The npm package's library, as if `nereid gpu install` had brought it. */
function installRuntime(name: string): string {
  const folder = join(root, 'cache/nereid/runtime', name);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'libonnxruntime.so.1');
  copyFileSync(findRuntimeLibrary(), path);
  const manifest = {
    release: '1.99.0',
    cuda: 13,
    platform: `${process.platform}-${process.arch}`,
    wheels: [],
    libraries: [{ name: 'libonnxruntime.so.1', bytes: statSync(path).size }],
  };
  writeFileSync(join(folder, 'runtime.json'), JSON.stringify(manifest));
  return path;
}

describe('the ONNX Runtime of a process', () => {
  it('is the installed one only where there is a driver, and the one of NEREID_RUNTIME anyhow', ({ skip }) => {
    skip(library('driver/libcuda.so.1', driverSource) === null, 'there is no C compiler');
    const installed = installRuntime('1.99.0-cuda13');
    const driver = { LD_LIBRARY_PATH: join(root, 'driver') };
    const used = doctor([], driver);
    expect(used.runtime.reason).toBe('the installed runtime 1.99.0-cuda13');
    expect(used.description.runtimePath).toBe(installed);
    const without = doctor([], {});
    expect(without.description.runtimePath).toBe(findRuntimeLibrary());
    expect(without.runtime.reason).toContain('1.99.0-cuda13 is installed, but there is no NVIDIA driver');
    const named = doctor([], { NEREID_RUNTIME: join(root, 'cache/nereid/runtime/1.99.0-cuda13') });
    expect(named.description.runtimePath).toBe(installed);
    const given = doctor([`--onnxruntime-library=${findRuntimeLibrary()}`], { ...driver, NEREID_RUNTIME: installed });
    expect(given.description.runtimePath).toBe(findRuntimeLibrary());
    expect(doctor([], { NEREID_RUNTIME: '/nowhere' }).engineProblem).toMatch(/NEREID_RUNTIME expects .* '\/nowhere'/);
  });

  it('opens CUDA’s libraries where they lie, in whatever order they need each other', ({ skip }) => {
    skip(library('driver/libcuda.so.1', driverSource) === null, 'there is no C compiler');
    const runtime = join(root, 'with-cuda');
    mkdirSync(runtime, { recursive: true });
    copyFileSync(findRuntimeLibrary(), join(runtime, 'libonnxruntime.so.1'));
    const first = library('chosen/libcublasLt.so.13', 'int first(void) { return 1; }') as string;
    const second = library('chosen/libcublas.so.13', 'int second(void) { return 2; }', [first]) as string;
    const cudart = library('with-cuda/libcudart.so.13', 'int third(void) { return 3; }') as string;
    library('with-cuda/libonnxruntime_providers_shared.so', 'int shared(void) { return 4; }');
    library('with-cuda/libonnxruntime_providers_cuda.so', 'int provider(void) { return 5; }', [second, first, cudart]);
    const { description } = doctor([`--cuda-library-path=${join(root, 'chosen')}`], {
      LD_LIBRARY_PATH: join(root, 'driver'),
      NEREID_RUNTIME: runtime,
    });
    const paths = description.cudaLibraries.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining([first, second, cudart]));
    // It is no provider of ONNX Runtime: that is said, and the process lives.
    expect(description.cudaProblem).toMatch(/; run nereid gpu install/);
  });

  it('tells the memory of a GPU and the version of CUDA, where the driver does', ({ skip }) => {
    skip(library('told/libcuda.so.1', driverSource) === null, 'there is no C compiler');
    const silent = doctor([], { LD_LIBRARY_PATH: join(root, 'told') });
    expect(silent.devices).toMatchObject([{ totalBytes: 2 ** 34, freeBytes: null }]);
    expect(silent.driver).toMatchObject({ version: null, cudaVersion: '13.0' });
    library('told/libnvidia-ml.so.1', managementSource);
    const told = doctor([], { LD_LIBRARY_PATH: join(root, 'told') });
    expect(told.devices).toMatchObject([{ totalBytes: 2 ** 34, freeBytes: 5 * 2 ** 30 }]);
    expect(told.driver).toMatchObject({ version: '6', cudaVersion: '13.0' });
    // The build without CUDA checks the CPU alone.
    expect(told.checks).toEqual([{ device: { kind: 'cpu' }, problem: null }]);
  });
});
