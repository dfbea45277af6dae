import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { inflated, requestCoding, responseCoding } from '../../../../src/frontends/http/transport/compression.ts';
import { MessagePool } from '../../../../src/frontends/message-pool.ts';
import { MemoryBudget } from '../../../../src/inference/memory-budget.ts';

const limit = 1024 * 1024;

describe('requestCoding', () => {
  it.each([
    [undefined, 'identity'],
    ['', 'identity'],
    ['identity', 'identity'],
    ['GZIP', 'gzip'],
    [' deflate ', 'deflate'],
    ['x-gzip', 'gzip'],
    ['identity, X-GZip ,', 'gzip'],
    ['gzip, identity', 'gzip'],
    [',', 'identity'],
    ['br', null],
    ['zstd, identity', null],
    ['gzip, gzip', null],
    ['deflate, gzip', null],
    ['gzip;q=1', null],
  ])('%s is %s', (header, coding) => {
    expect(requestCoding(header)).toBe(coding);
  });
});

describe('responseCoding', () => {
  it.each([
    [undefined, 'identity'],
    ['gzip, deflate', 'gzip'],
    ['deflate, gzip', 'deflate'],
    ['gzip;q=0.5, deflate;q=0.8', 'deflate'],
    ['gzip;q=0.5, identity', 'identity'],
    ['identity;q=0.5, gzip;q=0.5', 'identity'],
    ['br, GZIP ; Q=1', 'gzip'],
    ['gzip;q=0', 'identity'],
    ['gzip;q=-1, deflate;q=2', 'identity'],
    ['gzip;q=', 'identity'],
    ['identity;q=0, gzip;q=0, deflate;q=0, *;q=0', 'identity'],
    ['*', 'identity'],
    [';;,,;q=1', 'identity'],
  ])('%s chooses %s', (header, coding) => {
    expect(responseCoding(header)).toBe(coding);
  });
});

describe('inflated', () => {
  const memory = new MessagePool();
  const unpacked = async (body: Buffer, coding: 'gzip' | 'deflate'): Promise<Buffer> => {
    const { bytes, reservedBytes } = await inflated(body, coding, limit, memory, 0);
    memory.budget.release(reservedBytes);
    return bytes;
  };

  it('takes no more than the memory of all requests, also when no other is there', async () => {
    const small = new MessagePool(null, new MemoryBudget(limit));
    const bomb = gzipSync(Buffer.alloc(3 * limit));
    await expect(inflated(bomb, 'gzip', 2 ** 31, small, 0)).rejects.toThrow(
      /is larger than the 1048576 bytes that all/,
    );
    expect(small.budget.totalBytes).toBe(0);
  });

  afterEach(() => expect(memory.budget.totalBytes).toBe(0));

  it('reads gzip of several members and deflate in zlib format', async () => {
    const two = Buffer.concat([gzipSync('one '), gzipSync('two')]);
    expect((await unpacked(two, 'gzip')).toString()).toBe('one two');
    expect((await unpacked(deflateSync('body'), 'deflate')).toString()).toBe('body');
  });

  it('refuses what is damaged or cut off', async () => {
    const whole = gzipSync('a body that is long enough to be cut');
    const badChecksum = Buffer.from(whole);
    badChecksum[whole.length - 8] = (badChecksum[whole.length - 8] as number) ^ 1;
    await expect(unpacked(badChecksum, 'gzip')).rejects.toThrow('not valid gzip data');
    await expect(unpacked(whole.subarray(0, -9), 'gzip')).rejects.toThrow('not valid gzip data');
    await expect(unpacked(Buffer.alloc(0), 'gzip')).rejects.toThrow('not valid gzip data');
    await expect(unpacked(Buffer.from('plain'), 'deflate')).rejects.toThrow('not valid deflate data');
    await expect(unpacked(deflateRawSync('raw'), 'deflate')).rejects.toThrow('not valid deflate data');
  });

  it('stops at the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(limit + 1));
    await expect(unpacked(bomb, 'gzip')).rejects.toThrow(
      `Decompressed data size exceeds the maximum allowed value of ${limit} bytes. Use --http-max-input-size to increase the limit.`,
    );
    expect(await unpacked(gzipSync(Buffer.alloc(limit)), 'gzip')).toHaveLength(limit);
  });
});
