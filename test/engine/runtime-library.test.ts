/** Libraries that are named, missing, no ONNX Runtime, or too old. Each in a process of its own: a process holds one runtime. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findRuntimeLibrary } from '../../src/engine/load-native.ts';
import { cLibrary } from './c-library.ts';
import { modelFolder } from './model-files.ts';

const folder = modelFolder();
afterAll(() => folder.remove());

/** The words of a process that opens this library, or the one of its environment when none is named. */
const open = (path: string, runtime = ''): string => {
  const fixture = join(import.meta.dirname, 'runtime-library-fixture.mjs');
  const env = { ...process.env, NEREID_RUNTIME: runtime };
  const { stdout, stderr } = spawnSync(process.execPath, [fixture, path], { encoding: 'utf8', env });
  return `${stdout}${stderr}`.trim();
};

const library = (name: string, source: string) => cLibrary(join(folder.path, name), source);

describe('the ONNX Runtime library', () => {
  it('is opened from the installed package', () => {
    expect(open(findRuntimeLibrary())).toBe('opened');
  });

  it('is the one that NEREID_RUNTIME names, also in tests', () => {
    expect(open('', findRuntimeLibrary())).toBe('opened');
    expect(open('', '/nowhere')).toMatch(/^failed_precondition: NEREID_RUNTIME expects .* '\/nowhere'/);
  });

  it('is refused with its path when it cannot be opened', () => {
    expect(open('/nowhere/libonnxruntime.so.1')).toMatch(/^failed_precondition: .*\/nowhere\/libonnxruntime\.so\.1/);
    const { path } = folder.write('text.so', new TextEncoder().encode('text'));
    expect(open(path)).toMatch(/^failed_precondition: ONNX Runtime could not be opened/);
  });

  it('is refused when it is another library', ({ skip }) => {
    const path = library('other.so', 'int f(void) { return 1; }');
    skip(path === null, 'there is no C compiler');
    expect(open(path as string)).toMatch(/is no ONNX Runtime library/);
  });

  it('is refused with version, path and what is needed when it is too old', ({ skip }) => {
    const path = library(
      'old.so',
      `typedef struct { const void *(*api)(unsigned); const char *(*version)(void); } Base;
       static const void *api(unsigned wanted) { return 0; }
       static const char *version(void) { return "1.9.1"; }
       static const Base base = { api, version };
       const Base *OrtGetApiBase(void) { return &base; }`,
    );
    skip(path === null, 'there is no C compiler');
    const answer = open(path as string);
    expect(answer).toContain('ONNX Runtime 1.9.1');
    expect(answer).toContain(path as string);
    expect(answer).toMatch(/is too old: version 1\.15 or newer is needed/);
  });
});
