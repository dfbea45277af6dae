/** Execution providers that cannot be used: each is one clear error at the start of a server. The libraries are made by cc. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cLibrary } from '../engine/c-library.ts';

const main = join(import.meta.dirname, '../../dist/main.js');
let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'nereid-providers-'));
  mkdirSync(join(root, 'models'));
});
afterAll(() => rmSync(root, { recursive: true }));

/** How a server ends that was given this library, and what it said. */
function serve(path: string): { readonly status: number | null; readonly said: string } {
  const flags = [`--model-repository=${join(root, 'models')}`, `--execution-provider=fast=${path}`];
  const ports = ['--http-port=0', '--grpc-port=0', '--metrics-port=0'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'serve', ...flags, ...ports], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, said: `${stdout}${stderr}` };
}

const create = (body: string): string =>
  `typedef struct { const void *(*api)(unsigned); const char *(*version)(void); } Base;
   void *CreateEpFactories(const char *n, const Base *base, const void *l, void **f, size_t max, size_t *count) { ${body} }
   void *ReleaseEpFactory(void *f) { return 0; }`;

describe('a server with an execution provider', () => {
  it('does not start when the library is missing', () => {
    const { status, said } = serve(join(root, 'gone.so'));
    expect(status).toBe(1);
    expect(said).toMatch(/--execution-provider=fast expects a library, but there is no file/);
  });

  it.for<[string, string, RegExp]>([
    [
      'is no provider',
      'int f(void) { return 1; }',
      /the execution provider 'fast' cannot be registered: .*CreateEpFactories/s,
    ],
    [
      'crashes in its factory',
      create('*(volatile int *)0 = 1; return 0;'),
      /'fast' ends the process .* the signal SIG/,
    ],
    ['ends the process', create('_exit(0);'), /'fast' ends the process that registers it/],
    [
      'was built for a newer interface',
      create('return ((void *(*)(int))((void **)base->api(9999))[0])(1);'),
      /'fast' ends/,
    ],
    ['offers no device', create('*count = 0; return 0;'), /'fast' offers no device on this machine/],
  ])('does not start when the library %s', ([name, source, text], { skip }) => {
    const path = cLibrary(join(root, `${name.replaceAll(' ', '-')}.so`), `#include <stddef.h>\n${source}`);
    skip(path === null, 'there is no C compiler');
    const { status, said } = serve(path as string);
    expect(said).toMatch(text);
    expect(status).toBe(1);
  });
});
