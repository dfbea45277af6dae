/** `nereid gpu install`, `list` and `remove` with small wheels and a package index on the loopback interface. */

import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gpuCommand } from '../../src/cli/gpu-command.ts';
import { lockedWheel, lockOf, type TestWheel, wheelOf, zipOf } from '../runtimes/wheel-writer.ts';
import { type PackageIndex, servePackages } from './package-index.ts';

const runtime = wheelOf('onnxruntime-gpu', {
  'libonnxruntime.so.1': 40_000,
  'libonnxruntime_providers_cuda.so': 300_000,
});
const cublas = wheelOf('nvidia-cublas', { 'libcublas.so.13': 100_000 }, [
  { path: 'nvidia/lib/libnvblas.so.13', bytes: Buffer.from('not wanted') },
]);
const wheels = [runtime, cublas];
const name = '1.99.0-cuda13';
const main = join(import.meta.dirname, '../../dist/main.js');

let root = '';
const indexes: PackageIndex[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nereid-gpu-'));
});
afterEach(async () => {
  await Promise.all(indexes.splice(0).map((index) => index.close()));
  rmSync(root, { recursive: true, force: true });
});

async function indexOf(...given: Parameters<typeof servePackages>): Promise<PackageIndex> {
  const index = await servePackages(...given);
  indexes.push(index);
  return index;
}

function lockFile(all: readonly TestWheel[] = wheels): string {
  const path = join(root, 'lock.json');
  writeFileSync(path, JSON.stringify(lockOf(all.map(({ locked }) => locked))));
  return path;
}

const into = (): string => join(root, 'into');
const part = (): string => join(into(), '.downloads', `${runtime.locked.sha256}.part`);
const folder = (): string => join(into(), name);

/** Runs a command as if the waits between two attempts were over at once. */
async function gpu(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
  platform = 'linux-x64',
): Promise<string> {
  const output: string[] = [];
  await gpuCommand([...words, `--into=${into()}`], {
    cwd: root,
    env: { PIP_CONFIG_FILE: '/dev/null', ...env },
    home: root,
    platform,
    describeDriver: () => ({ isThere: true, version: '570.1', cudaVersion: null, problem: null, devices: [] }),
    write: (text) => void output.push(text),
    report: { step: () => undefined, progress: () => undefined },
    wait: () => new Promise((resolve) => setImmediate(resolve)),
  });
  return output.join('');
}

const install = (index: PackageIndex, all = wheels): Promise<string> =>
  gpu(['install', `--index-url=${index.url}`, `--lock-file=${lockFile(all)}`]);

function expectWhole(): void {
  expect(readdirSync(folder()).sort()).toEqual([
    'libcublas.so.13',
    'libonnxruntime.so.1',
    'libonnxruntime_providers_cuda.so',
    'licences',
    'runtime.json',
  ]);
  expect(readFileSync(join(folder(), 'libcublas.so.13')).length).toBe(100_000);
  expect(readFileSync(join(folder(), 'licences/nvidia-cublas/License.txt'), 'utf8')).toBe('terms');
  expect(readdirSync(into())).toEqual([name]);
}

describe('an install from an index', () => {
  it.each(['json', 'html'] as const)('takes the libraries of the lock file from pages in %s', async (format) => {
    const text = await install(await indexOf(wheels, { format }));
    expect(text).toContain(`installed ${name} in ${folder()}`);
    expectWhole();
  });

  it('asks for nothing when the runtime is there', async () => {
    const index = await indexOf(wheels);
    await install(index);
    const before = index.requests.length;
    expect(await install(index)).toContain(`${name} is installed in`);
    expect(index.requests.length).toBe(before);
  });

  it('brings the credentials of the index, also to its files', async () => {
    await install(await indexOf(wheels, { credentials: 'me:secret' }));
    expectWhole();
  });

  it('takes credentials from a netrc file, and says where to put them when there are none', async () => {
    const index = await indexOf(wheels, { credentials: 'me:secret' });
    const words = ['install', `--index-url=${index.url.replace('me:secret@', '')}`, `--lock-file=${lockFile()}`];
    await expect(gpu(words)).rejects.toThrow(/answered with 401.*credentials.*netrc/);
    writeFileSync(join(root, '.netrc'), 'machine 127.0.0.1 login me password secret');
    await gpu(words);
    expectWhole();
  });

  it('takes the index from PIP_INDEX_URL', async () => {
    const index = await indexOf(wheels);
    await gpu(['install', `--lock-file=${lockFile()}`], { PIP_INDEX_URL: index.url });
    expectWhole();
  });

  it('goes through a proxy', async () => {
    const index = await indexOf(wheels);
    const seen: string[] = [];
    const proxy = createServer((request, response) => {
      seen.push(request.url ?? '');
      const url = new URL(request.url ?? '');
      const onward = connect(Number(url.port), url.hostname, () => {
        onward.write(`GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\n\r\n`);
        onward.pipe(response.socket as NodeJS.WritableStream);
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    try {
      await gpu(['install', `--index-url=${index.url}`, `--lock-file=${lockFile()}`], { http_proxy: address });
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
    expect(seen[0]).toBe(`${index.url}/onnxruntime-gpu/`);
    expectWhole();
  });
});

describe('an interrupted download', () => {
  it('goes on where the connection was cut', async () => {
    let written = 0;
    const beforeCut = async (): Promise<void> => {
      written += 1000;
      await expect.poll(() => existsSync(part()) && readFileSync(part()).length).toBe(written);
    };
    const index = await indexOf(wheels, { cutAfter: 1000, cuts: 2, beforeCut });
    await install(index);
    expect(index.requests.filter((one) => one.includes(runtime.locked.file))).toEqual([
      `/files/${runtime.locked.file}`,
      `/files/${runtime.locked.file} bytes=1000-`,
      `/files/${runtime.locked.file} bytes=2000-`,
    ]);
    expectWhole();
  });

  it('begins again where the server knows no ranges', async () => {
    await install(await indexOf(wheels, { cutAfter: 1000, ignoresRanges: true }));
    expectWhole();
  });

  it('begins again when what was there is not the beginning of the file', async () => {
    mkdirSync(join(into(), '.downloads'), { recursive: true });
    writeFileSync(part(), Buffer.alloc(5000, 1));
    await install(await indexOf(wheels));
    expectWhole();
  });

  it('ends with what to do when the index cannot be reached', async () => {
    const index = await indexOf(wheels);
    await index.close();
    await expect(install(index)).rejects.toThrow(/127\.0\.0\.1:\d+ cannot be reached.*--index-url.*--from=DIR/);
    expect(existsSync(folder())).toBe(false);
  });

  it('is given up when the server cuts it again and again', async () => {
    await expect(install(await indexOf(wheels, { cutAfter: 10, cuts: 99 }))).rejects.toThrow(/could not be downloaded/);
  });

  it('leaves nothing half when the process is killed, and the next install uses what it left', async () => {
    const stuck = await indexOf(wheels, { sendsHalf: true });
    const words = [main, 'gpu', 'install', `--into=${into()}`, `--lock-file=${lockFile()}`];
    const child = spawn(process.execPath, [...words, `--index-url=${stuck.url}`], {
      env: { ...process.env, PIP_CONFIG_FILE: '/dev/null' },
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await expect.poll(() => existsSync(part()) && readFileSync(part()).length).toBe(runtime.bytes.length >> 1);
    child.kill('SIGKILL');
    await ended;
    expect(await gpu(['list'])).toContain('no GPU runtime in');
    const index = await indexOf(wheels);
    await install(index);
    expect(index.requests[1]).toBe(`/files/${runtime.locked.file} bytes=${runtime.bytes.length >> 1}-`);
    expectWhole();
  });
});

describe('a file that is not the one of the lock file', () => {
  it('is refused when the index has another hash for it, before it is downloaded', async () => {
    const other = { ...runtime, locked: { ...runtime.locked, sha256: 'ab'.repeat(32) } };
    const index = await indexOf([other, cublas]);
    await expect(install(index)).rejects.toThrow(/lists it with SHA-256 abab/);
    expect(index.requests.some((one) => one.startsWith('/files/'))).toBe(false);
  });

  it.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    ['has other bytes', (bytes) => Buffer.from(bytes.map((byte, i) => (i === 500 ? byte ^ 1 : byte))), /SHA-256 is/],
    ['is longer', (bytes) => Buffer.concat([bytes, Buffer.alloc(9)]), /larger than the \d+ bytes/],
    ['is shorter', (bytes) => bytes.subarray(0, -9), /has \d+ bytes/],
  ])('is refused when it %s', async (_what, tamper, message) => {
    await expect(install(await indexOf(wheels, { tamper }))).rejects.toThrow(message);
    expect(existsSync(folder())).toBe(false);
    expect(existsSync(join(into(), '.install-lock'))).toBe(false);
  });

  it('is refused when no index has it', async () => {
    const index = await indexOf([runtime]);
    await expect(install(index)).rejects.toThrow(/no usable nvidia_cublas.*does not exist/);
  });
});

describe('a wheel', () => {
  const library = { path: 'lib/liba.so', name: 'liba.so', bytes: 4 };
  const entry = { path: library.path, bytes: Buffer.from('libr') };

  it.each<[string, Buffer, RegExp]>([
    [
      'has a name that leads out of its folder',
      zipOf([entry, { path: '../../x', bytes: Buffer.from('x') }]),
      /invalid relative path/,
    ],
    ['has an absolute name', zipOf([entry, { path: '/etc/x', bytes: Buffer.from('x') }]), /absolute path/],
    ['has a link in place of a library', zipOf([{ ...entry, mode: 0o120777 }]), /is no plain file/],
    ['has a library twice', zipOf([entry, entry]), /is there twice/],
    ['lacks the library', zipOf([{ path: 'other', bytes: Buffer.from('x') }]), /does not contain lib\/liba\.so/],
    [
      'has a library of another size',
      zipOf([{ ...entry, bytes: Buffer.from('longer') }]),
      /has 6 bytes, the lock file says 4/,
    ],
    ['is no archive', Buffer.from('text'.repeat(99)), /cannot be unpacked/],
  ])('that %s is refused', async (_what, bytes, message) => {
    const wheel = { locked: lockedWheel('nvidia-a', bytes, [library]), bytes };
    await expect(install(await indexOf([wheel]), [wheel])).rejects.toThrow(message);
    expect(readdirSync(into())).toEqual(['.downloads']);
    expect(existsSync(join(root, 'x'))).toBe(false);
  });
});

describe('an install from a folder', () => {
  const fill = (all: readonly TestWheel[]): string => {
    for (const { locked, bytes } of all) writeFileSync(join(root, locked.file), bytes);
    return `--from=${root}`;
  };

  it('needs no network', async () => {
    await gpu(['install', fill(wheels), `--lock-file=${lockFile()}`]);
    expectWhole();
  });

  it('names the wheels that are missing, or not those of the lock file', async () => {
    const words = ['install', fill([runtime]), `--lock-file=${lockFile()}`];
    await expect(gpu(words)).rejects.toThrow(`${root} lacks 1 of 2 wheels: ${cublas.locked.file}`);
    fill([runtime, { ...cublas, bytes: Buffer.alloc(cublas.bytes.length) }]);
    await expect(gpu(words)).rejects.toThrow(/nvidia_cublas.* is not the file of the lock file: its SHA-256 is/);
  });

  it('replaces a runtime that is not whole, and repairs nothing that is', async () => {
    const words = ['install', fill(wheels), `--lock-file=${lockFile()}`];
    await gpu(words);
    truncateSync(join(folder(), 'libcublas.so.13'), 5);
    expect(await gpu(['list'])).toContain('not usable: libcublas.so.13 is missing or not whole');
    expect(await gpu(words)).toContain('installed 1.99.0-cuda13');
    expectWhole();
  });

  it('may be done twice at once', async () => {
    const words = ['install', fill(wheels), `--lock-file=${lockFile()}`];
    const texts = await Promise.all([gpu(words), gpu(words)]);
    expect(texts.filter((text) => text.startsWith('installed')).length).toBe(1);
    expectWhole();
  });

  it('is refused on a platform without wheels', async () => {
    const words = ['install', fill(wheels), `--lock-file=${lockFile()}`];
    await expect(gpu(words, {}, 'darwin-arm64')).rejects.toThrow(/no GPU runtime for darwin-arm64/);
  });

  it('says how much room it needs where there is too little', async ({ skip }) => {
    mkdirSync(into());
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', into()]);
    skip(mounted.status !== 0, 'this user may not mount a file system');
    try {
      const words = ['install', fill(wheels), `--lock-file=${lockFile()}`];
      await expect(gpu(words)).rejects.toThrow(/needs 1 MiB in .*, which has 1 MiB free; make room, or .*--into/);
    } finally {
      spawnSync('umount', [into()]);
    }
  });

  it('says what is in the way of the folder', async () => {
    writeFileSync(into(), '');
    await expect(gpu(['install', fill(wheels), `--lock-file=${lockFile()}`])).rejects.toThrow(/is in the way/);
  });
});

describe('installed runtimes', () => {
  it('are listed newest first, as text and as JSON, and removed by name', async () => {
    await install(await indexOf(wheels));
    cpSync(folder(), join(into(), '1.100.0-cuda13'), { recursive: true });
    mkdirSync(join(into(), '1.5.0-cuda12'));
    const lines = (await gpu(['list'])).trimEnd().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['1.100.0-cuda13', name, '1.5.0-cuda12']);
    expect(lines[2]).toContain('not usable: runtime.json is missing or malformed');
    const { runtimes } = JSON.parse(await gpu(['list', '--json']));
    expect(runtimes[1]).toMatchObject({ name, bytes: 440_000, problem: null });
    expect(await gpu(['remove', name])).toContain(`removed ${name}`);
    expect(readdirSync(into()).sort()).toEqual(['1.100.0-cuda13', '1.5.0-cuda12']);
    await expect(gpu(['remove', '../into'])).rejects.toThrow(/no GPU runtime '\.\.\/into' in/);
  });

  it('are asked for by known words', async () => {
    await expect(gpu(['instal'])).rejects.toThrow(/expects install, list or remove.*did you mean install/);
    await expect(gpu(['remove'])).rejects.toThrow(/name of a runtime is missing/);
    await expect(gpu(['install', '--from=a', '--index-url=b'])).rejects.toThrow(/exclude each other/);
  });
});
