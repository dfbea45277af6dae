/** The external data files to which a model may point. Files are real, in a folder of their own. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkExternalFiles } from '../../src/engine/onnx-file/external-files.ts';
import type { ExternalReference } from '../../src/engine/onnx-file/onnx-facts.ts';
import type { InferenceError } from '../../src/errors.ts';

const top = realpathSync(mkdtempSync(join(tmpdir(), 'nereid-external-')));
afterAll(() => rmSync(top, { recursive: true, force: true }));

const folder = join(top, 'model');
const version = join(folder, '1');
mkdirSync(join(version, 'sub'), { recursive: true });
mkdirSync(join(top, 'model-secret/deep'), { recursive: true });
writeFileSync(join(version, 'weights.bin'), new Uint8Array(64));
writeFileSync(join(version, 'sub/more.bin'), new Uint8Array(8));
writeFileSync(join(folder, 'shared.bin'), new Uint8Array(16));
writeFileSync(join(top, 'model-secret/secret.bin'), new Uint8Array(64));
symlinkSync(join(top, 'model-secret/secret.bin'), join(version, 'link-out.bin'));
symlinkSync(join(version, 'weights.bin'), join(version, 'link-in.bin'));
symlinkSync(join(top, 'model-secret/deep'), join(version, 'link-folder'));
mkdirSync(join(version, '*/_ORT_MEM_ADDR_'), { recursive: true });
writeFileSync(join(version, '*/_ORT_MEM_ADDR_/*'), new Uint8Array(64));

const model = { path: join(version, 'model.onnx'), folder };
const reference = (part: Partial<ExternalReference>): ExternalReference => ({
  tensor: 'W',
  location: 'weights.bin',
  offset: null,
  length: null,
  tensorBytes: null,
  ...part,
});
const check = (...parts: Partial<ExternalReference>[]) =>
  checkExternalFiles({ externalData: parts.map(reference) }, model);
const refusal = (part: Partial<ExternalReference>): Promise<InferenceError> =>
  check(part).then(
    () => expect.fail('was accepted'),
    (error) => error,
  );

describe('external data', () => {
  it('lists each file once, links resolved', async () => {
    expect(
      await check({ offset: '0', length: '32' }, { offset: '32', length: '32' }, { location: 'link-in.bin' }),
    ).toEqual([
      { location: 'weights.bin', path: join(version, 'weights.bin'), sizeBytes: 64 },
      { location: 'link-in.bin', path: join(version, 'weights.bin'), sizeBytes: 64 },
    ]);
  });

  it('lists nothing for a model that has none', async () => {
    expect(await check()).toEqual([]);
  });

  it('may lie in a folder below, or above the model file when that is still inside the model folder', async () => {
    const files = await check(
      { location: 'sub/more.bin' },
      { location: './sub/../weights.bin' },
      { location: '../shared.bin' },
    );
    expect(files.map(({ sizeBytes }) => sizeBytes)).toEqual([8, 64, 16]);
  });

  it.runIf(process.getuid?.() !== 0)('that this user may not read is named', async () => {
    writeFileSync(join(version, 'secret.bin'), new Uint8Array(64), { mode: 0 });
    expect(await refusal({ location: 'secret.bin' })).toMatchObject({
      code: 'unavailable',
      message: "external data of tensor 'W' in 'secret.bin': the file may not be read by this user (EACCES)",
    });
  });

  it.each([
    ['', 'the location is empty'],
    ['a\0b', 'NUL'],
    ['/etc/passwd', 'is absolute'],
    ['../../model-secret/secret.bin', "leaves the model's folder"],
    ['../../../../../../etc/passwd', "leaves the model's folder"],
    ['../../absent.bin', "leaves the model's folder"],
    ['link-out.bin', "leaves the model's folder"],
    ['link-folder/../secret.bin', "leaves the model's folder"],
    ['..', "leaves the model's folder"],
    ['sub', 'no regular file'],
    ['*/_ORT_MEM_ADDR_/*', 'is a memory address'],
  ])('is refused at %j', async (location, text) => {
    const { code, message } = await refusal({ location });
    expect(code).toBe('invalid_argument');
    expect(message).toContain(`external data of tensor 'W' in '${location.replace('\0', '\\x00')}': `);
    expect(message).toContain(text);
    expect(message).not.toContain(top);
  });

  it.each(['-16', '1e3', '0x10', '', ' 1', '9007199254740993', '99999999999999999999999999', '1.5', 'NaN'])(
    'is refused with the offset %j',
    async (offset) => {
      const { code, message } = await refusal({ offset });
      expect(code).toBe('invalid_argument');
      expect(message).toContain('the offset is');
    },
  );

  it('is refused where offset and length overflow together, or the length is too small for the tensor', async () => {
    expect((await refusal({ offset: '9007199254740991', length: '1' })).message).toContain('out of range');
    expect((await refusal({ length: '3', tensorBytes: 4 })).message).toContain('need 4');
  });

  it('is not yet whole while the file is absent or too short', async () => {
    expect(await refusal({ location: 'later.bin' })).toMatchObject({ code: 'unavailable' });
    expect(await refusal({ offset: '60', length: '5' })).toMatchObject({
      code: 'unavailable',
      message: "external data of tensor 'W' in 'weights.bin': bytes up to 65 are needed, the file has 64",
    });
    expect(await refusal({ offset: '1', tensorBytes: 64 })).toMatchObject({ code: 'unavailable' });
  });
});

describe('external data of a model that is a link', () => {
  const cache = join(top, 'cache');
  const blobs = join(cache, 'blobs');
  const snapshot = join(cache, 'snapshots/abc');
  mkdirSync(join(blobs, 'deep'), { recursive: true });
  mkdirSync(snapshot, { recursive: true });
  for (const name of ['m', 'd', 'deep/d']) writeFileSync(join(blobs, name), new Uint8Array(8));
  symlinkSync('../../blobs/m', join(snapshot, 'model.onnx'));
  symlinkSync('../../blobs/d', join(snapshot, 'data'));
  symlinkSync(join(blobs, 'deep/d'), join(snapshot, 'absolute'));
  symlinkSync('data', join(snapshot, 'chained'));
  symlinkSync(join(top, 'model-secret/secret.bin'), join(snapshot, 'elsewhere'));
  writeFileSync(join(snapshot, 'beside'), new Uint8Array(8));
  symlinkSync('snapshots/abc', join(cache, '1'));
  symlinkSync('snapshots/abc/model.onnx', join(cache, 'chained.onnx'));
  symlinkSync('snapshots/abc/data', join(cache, 'data'));

  const find = (folder: string, name: string, location: string) =>
    checkExternalFiles({ externalData: [reference({ location })] }, { path: join(folder, name), folder });

  it.each(['data', 'absolute', 'chained', 'beside'])(
    'may lie beside the real file or the link: %s',
    async (location) => {
      expect(await find(snapshot, 'model.onnx', location)).toHaveLength(1);
      expect(await find(join(cache, '1'), 'model.onnx', location)).toHaveLength(1);
    },
  );

  it('is found through a chain of links', async () => {
    const [file] = await find(cache, 'chained.onnx', 'data');
    expect(file?.path).toBe(join(blobs, 'd'));
  });

  it('may not be linked elsewhere, nor be reached from a model that is no link', async () => {
    const refused = { code: 'invalid_argument', message: expect.stringContaining("leaves the model's folder") };
    await expect(find(snapshot, 'model.onnx', 'elsewhere')).rejects.toMatchObject(refused);
    writeFileSync(join(snapshot, 'own.onnx'), '');
    await expect(find(snapshot, 'own.onnx', 'data')).rejects.toMatchObject(refused);
    await expect(find(snapshot, 'model.onnx', '../../../model-secret/secret.bin')).rejects.toMatchObject(refused);
  });
});
