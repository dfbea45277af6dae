import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryPlugins } from '../../src/runtimes/plugin-trial.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nereid-plugin-'));
  writeFileSync(join(folder, 'plugin.so'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

const plugin = (file = 'plugin.so') => ({ name: 'fast', path: join(folder, file), options: {} });
const ends =
  (over: { status?: number | null; isRegistered?: boolean; signal?: string; said?: string; isLate?: boolean }) =>
  () => ({
    status: over.status ?? null,
    signal: over.signal ?? null,
    isRegistered: over.isRegistered ?? false,
    said: over.said ?? '',
    isLate: over.isLate ?? false,
  });

describe('the trial of an execution provider', () => {
  it('lets one pass that a process could register', () => {
    expect(() =>
      tryPlugins('/lib', [plugin()], ends({ status: 0, isRegistered: true, said: 'a warning' })),
    ).not.toThrow();
  });

  it('is not made of a file that is missing, or a folder', () => {
    const never = () => expect.unreachable();
    const text = `--execution-provider=fast expects a library, but there is no file '${join(folder, 'gone.so')}'`;
    expect(() => tryPlugins('/lib', [plugin('gone.so')], never)).toThrow(text);
    expect(() => tryPlugins('/lib', [plugin('.')], never)).toThrow('expects a library');
  });

  it('passes on the sentence of a refusal, whatever the library wrote before', () => {
    const said = 'loading…\nthe execution provider ‘fast’ offers no device\n';
    expect(() => tryPlugins('/lib', [plugin()], ends({ status: 1, said }))).toThrow(
      /^the execution provider ‘fast’ offers no device$/,
    );
  });

  it('names a library that ends the process or never comes back', () => {
    expect(() => tryPlugins('/lib', [plugin()], ends({ signal: 'SIGSEGV' }))).toThrow(
      "the execution provider 'fast' ends the process that registers it, with the signal SIGSEGV",
    );
    expect(() => tryPlugins('/lib', [plugin()], ends({ status: 0 }))).toThrow('with the exit code 0');
    expect(() => tryPlugins('/lib', [plugin()], ends({ status: 77 }))).toThrow('with the exit code 77');
    expect(() => tryPlugins('/lib', [plugin()], ends({ signal: 'SIGKILL', isLate: true }))).toThrow(
      'is not registered within 60 s',
    );
  });
});
