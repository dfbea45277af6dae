/** Listening sockets of the addon, served by Node in worker threads. Uses the built server. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { loadNativeThreads, type PortSharing } from '../../src/threads/native-threads.ts';

const fixture = join(import.meta.dirname, 'listener-fixture.mjs');
const native = loadNativeThreads();
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

const workers: Worker[] = [];
const open: number[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
  for (const fd of open.splice(0)) native.closeSocket(fd);
});

/** A socket that must open; closed after the test unless it is given to a server. */
function listener(host: string, port: number, sharing: PortSharing): { fd: number; port: number } {
  const { error, ...opened } = native.openListener(host, port, 64, sharing);
  expect(error).toBeNull();
  open.push(opened.fd);
  return opened;
}

const failure = (host: string, port: number, sharing: PortSharing) => {
  const reply = native.openListener(host, port, 64, sharing);
  if (reply.error === null) open.push(reply.fd);
  return reply.error?.code ?? null;
};

async function serve(fd: number, name: string): Promise<AddressInfo> {
  open.splice(open.indexOf(fd), 1);
  const worker = new Worker(fixture, { workerData: { fd, name } });
  workers.push(worker);
  const [address] = await once(worker, 'message');
  return address;
}

/** Who answers a connection. */
async function answerer(host: string, port: number): Promise<string> {
  let name = '';
  const socket = connect(port, host).on('data', (text) => {
    name += text.toString();
  });
  await once(socket, 'close');
  return name;
}

const hosts = hasIpv6 ? ['127.0.0.1', '0.0.0.0', '::1', '::'] : ['127.0.0.1', '0.0.0.0'];

describe.runIf(native.sharesPorts)('listening sockets that share a port', () => {
  it.each(hosts)('at %s are each given connections, in threads of their own', async (host) => {
    const first = listener(host, 0, 'first');
    const second = listener(host, first.port, 'next');
    expect(second.port).toBe(first.port);
    expect((await serve(first.fd, 'first')).port).toBe(first.port);
    await serve(second.fd, 'second');
    const target = host.includes(':') ? '::1' : '127.0.0.1';
    const names = new Set<string>();
    // That one of two gets none of so many is as good as impossible.
    for (let i = 0; i < 200; i++) names.add(await answerer(target, first.port));
    expect([...names].sort()).toEqual(['first', 'second']);
    if (host === '::') expect(await answerer('127.0.0.1', first.port)).toMatch(/first|second/);
  });

  it('go on when one of them is closed', async () => {
    const first = listener('127.0.0.1', 0, 'first');
    const second = listener('127.0.0.1', first.port, 'next');
    await serve(first.fd, 'first');
    await serve(second.fd, 'second');
    await workers[0].terminate();
    for (let i = 0; i < 20; i++) expect(await answerer('127.0.0.1', first.port)).toBe('second');
  });

  it('are refused to a second server, in this process and in another one', async () => {
    const { port } = listener('127.0.0.1', 0, 'first');
    expect(failure('127.0.0.1', port, 'first')).toBe('EADDRINUSE');
    expect(failure('127.0.0.1', port, 'alone')).toBe('EADDRINUSE');
    expect(failure('0.0.0.0', port, 'first')).toBe('EADDRINUSE');
    const other = spawn(process.execPath, [fixture], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [said] = await once(other.stdout, 'data');
    expect(failure('127.0.0.1', Number(said), 'first')).toBe('EADDRINUSE');
    other.stdin.end();
    await once(other, 'exit');
    expect(failure('127.0.0.1', Number(said), 'first')).toBeNull();
  });

  it('do not join a server that does not share', async () => {
    const { port } = listener('127.0.0.1', 0, 'alone');
    expect(failure('127.0.0.1', port, 'next')).toBe('EADDRINUSE');
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const taken = (server.address() as AddressInfo).port;
    expect(failure('127.0.0.1', taken, 'first')).toBe('EADDRINUSE');
    expect(failure('127.0.0.1', taken, 'next')).toBe('EADDRINUSE');
    server.close();
  });
});

describe('a listening socket', () => {
  it('frees its port when it is closed without a server', () => {
    const { fd, port } = listener('127.0.0.1', 0, 'alone');
    expect(failure('127.0.0.1', port, 'alone')).toBe('EADDRINUSE');
    native.closeSocket(fd);
    open.splice(open.indexOf(fd), 1);
    expect(failure('127.0.0.1', port, 'alone')).toBeNull();
  });

  it('is refused with the name of the reason', () => {
    expect(failure('192.0.2.1', 0, 'alone')).toBe('EADDRNOTAVAIL');
    for (const host of ['localhost', '', '1.2.3.4.5', 'fe80::1%nowhere']) {
      expect(failure(host, 0, 'alone')).toBe('EINVAL');
    }
    for (const port of [-1, 65_536]) expect(failure('127.0.0.1', port, 'alone')).toBe('EINVAL');
    const { port } = listener('127.0.0.1', 0, 'alone');
    expect(native.openListener('127.0.0.1', port, 64, 'alone')).toEqual({
      error: { code: 'EADDRINUSE', message: expect.stringMatching(/^(bind|listen): \S/) },
      fd: -1,
      port: 0,
    });
  });

  it('is not opened with arguments that make no sense', () => {
    expect(() => native.openListener('127.0.0.1', 0, 64, 'both' as PortSharing)).toThrow(TypeError);
  });
});

describe('another descriptor of a socket', () => {
  it('is served when the first one is closed', async () => {
    const { fd, port } = listener('127.0.0.1', 0, 'alone');
    const copy = native.duplicateSocket(fd);
    open.push(copy);
    expect(copy).not.toBe(fd);
    open.splice(open.indexOf(fd), 1);
    native.closeSocket(fd);
    await serve(copy, 'copy');
    expect(await answerer('127.0.0.1', port)).toBe('copy');
  });

  it('is not made from an invalid descriptor', () => {
    expect(native.duplicateSocket(-1)).toBe(-1);
    expect(native.duplicateSocket(2 ** 30)).toBe(-1);
    expect(native.duplicateSocket('1' as unknown as number)).toBe(-1);
  });
});
