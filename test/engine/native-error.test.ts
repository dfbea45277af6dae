/** What a caller sees of an error of the addon: files by name, no folders of this machine. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { causeField } from '../../src/errors.ts';
import { foldersOf, withoutFolders } from '../../src/engine/file-names.ts';
import { modelFailure, nativeFailure } from '../../src/engine/native-error.ts';

const folders = new Set(['/', '/models', '/models/m/1', '/models/m', '/data/blobs', '/app/onnx (1.2)+[x]']);
const failure = (message: string) => modelFailure({ code: 0, message }, folders);

describe('an error of the addon about a model', () => {
  it.each([
    ['a model file', 'Load model from /models/m/1/model.onnx failed', 'Load model from model.onnx failed'],
    ['external data', "cannot map '/models/m/1/weights/a.bin'", "cannot map 'weights/a.bin'"],
    ['a file behind a link', 'open file "/data/blobs/3f2a" fail', 'open file "3f2a" fail'],
    [
      'a library',
      'library /models/m/lib.so with error: /models/m/lib.so: too short',
      'library lib.so with error: lib.so: too short',
    ],
    [
      'a library that was replaced',
      'library /models/m//.//lib.so: undefined symbol: F',
      'library lib.so: undefined symbol: F',
    ],
    [
      'a library of the runtime',
      'load /app/onnx (1.2)+[x]/libp.so: no libcudnn.so.9',
      'load libp.so: no libcudnn.so.9',
    ],
    ['libraries of the system', '(/usr/lib/x86_64-linux-gnu/libc.so.6), /lib64/ld.so:', '(libc.so.6), ld.so:'],
    ['a temporary file', "'/tmp/nereid-model-1-x/m/1/model.onnx'", "'model.onnx'"],
    ['a library that another needs', '/nix/x-1/libdep.so.2.1: bad ELF', 'libdep.so.2.1: bad ELF'],
  ])('names %s without its folder', async (_, text, shown) => {
    const error = await failure(text);
    expect(error.message).toBe(shown);
    expect(causeField(error)).toEqual({ cause: text });
  });

  it.each([
    "node '/encoder/layer.0/MatMul' has no input '/models.0/Add_output_0'",
    'GetElementType is not implemented (a/models/m/1/x)',
    'expected float32, got int8',
    'the division a / b',
  ])('keeps the names of nodes and all other text: %s', async (text) => {
    const error = await failure(text);
    expect(error.message).toBe(text);
    expect(causeField(error)).toEqual({});
  });
});

describe('a text about folders of this machine that no configuration names', () => {
  const files = ['/data/my ops/tables/a.bin', '/data/my ops/b', '/model/file'];
  const look = async (path: string) =>
    files.includes(path) ? 'file' : files.some((file) => file.startsWith(`${path}/`)) ? 'folder' : 'none';
  const shown = (text: string) => withoutFolders(text, new Set(), look);

  it.each([
    ['a file', 'cannot read /data/my ops/tables/a.bin: bad', 'cannot read a.bin: bad'],
    ['a file that is gone', "open '/data/my ops/tables/gone.bin'", "open 'gone.bin'"],
    ['a file in a folder that is gone', '(/data/my ops/gone/x.bin)', '(gone/x.bin)'],
    ['a file two folders below the root', 'no /data/my ops/b; no /data/my ops/c', 'no b; no c'],
    ['a file one folder below the root', 'read /model/file, then', 'read file, then'],
  ])('names %s without them', async (_, text, expected) => {
    expect(await shown(text)).toBe(expected);
  });

  it.each(["node '/model/layers.0/Add' fails", '/data/Add', 'x/data/my ops/b', '/model'])(
    'stays where it may be the name of a node: %s',
    async (text) => {
      expect(await shown(text)).toBe(text);
    },
  );

  it('asks the file system a limited number of times', async () => {
    let looks = 0;
    const everywhere = async () => {
      looks++;
      return 'folder' as const;
    };
    await withoutFolders(`/a${'/b'.repeat(2000)} `.repeat(100), new Set(), everywhere);
    expect(looks).toBeLessThanOrEqual(101);
  });
});

describe('an error of the addon about a run', () => {
  it('names libraries without their folders, and keeps the whole text for the log', () => {
    const text = "node '/model/Conv': cannot load /opt/cudnn/libcudnn_graph.so.9, /srv2/x/liby.so";
    const error = nativeFailure({ code: 9, message: text });
    expect(error.message).toBe("node '/model/Conv': cannot load libcudnn_graph.so.9, liby.so");
    expect(causeField(error)).toEqual({ cause: text });
  });
});

describe('the folders of files', () => {
  it('are those in which they are written and those to which links lead', async () => {
    const root = realpathSync(mkdtempSync(join(tmpdir(), 'nereid-folders-')));
    try {
      for (const folder of ['written', 'real']) mkdirSync(join(root, folder));
      writeFileSync(join(root, 'real/blob'), '');
      symlinkSync(join(root, 'real/blob'), join(root, 'written/model.onnx'));
      const files = [join(root, 'written/model.onnx'), `${root}/gone//./lib.so`];
      expect(await foldersOf(files)).toEqual(new Set(['written', 'gone', 'real'].map((name) => join(root, name))));
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
