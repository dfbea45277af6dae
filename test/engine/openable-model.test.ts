/** Whether a model file that changes while it is opened is noticed. */

import { chmodSync, copyFileSync, renameSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelFile } from '../../src/engine/engine.ts';
import { checkUnchanged, readOpenableModel } from '../../src/engine/openable-model.ts';
import { identityModel, modelFolder } from './model-files.ts';

/** In whole seconds, so that `utimes` sets it exactly. */
const writtenAt = new Date('2024-05-06T07:08:09Z');

describe('a model file between the check and the end of the open', () => {
  let folder: ReturnType<typeof modelFolder>;
  beforeAll(() => {
    folder = modelFolder();
  });
  afterAll(() => folder.remove());

  function writeModel(name: string): ModelFile {
    const file = folder.write(name, identityModel(1, [2]));
    utimesSync(file.path, writtenAt, writtenAt);
    return file;
  }

  /** Keeps the time of content as `cp -p` does, until the clock of the file system has gone on. */
  function untilTimeOfAttributesMoves(path: string, change: () => void): void {
    const before = statSync(path, { bigint: true }).ctimeNs;
    do {
      change();
      utimesSync(path, writtenAt, writtenAt);
    } while (statSync(path, { bigint: true }).ctimeNs === before);
  }

  it('is unchanged if nobody has touched it', async () => {
    const source = await readOpenableModel(writeModel('untouched.onnx'));
    await expect(checkUnchanged(source)).resolves.toBeUndefined();
  });

  const changes: readonly { readonly name: string; readonly change: (file: ModelFile) => void }[] = [
    { name: 'written again', change: ({ path }) => writeFileSync(path, identityModel(1, [2])) },
    { name: 'cut off', change: ({ path }) => truncateSync(path, 10) },
    { name: 'deleted', change: ({ path }) => renameSync(path, `${path}.old`) },
    {
      name: 'replaced',
      change({ path }) {
        copyFileSync(path, `${path}.new`);
        renameSync(`${path}.new`, path);
      },
    },
    {
      name: 'overwritten with the same size and time of content',
      change: ({ path }) => untilTimeOfAttributesMoves(path, () => writeFileSync(path, identityModel(1, [2]))),
    },
    {
      name: 'given other rights',
      change: ({ path }) => untilTimeOfAttributesMoves(path, () => chmodSync(path, 0o600)),
    },
  ];
  it.each(changes)('is noticed when it was $name', async ({ name, change }) => {
    const file = writeModel(`${name.replaceAll(' ', '-')}.onnx`);
    const source = await readOpenableModel(file);
    change(file);
    await expect(checkUnchanged(source)).rejects.toMatchObject({
      code: 'unavailable',
      message: `'${name.replaceAll(' ', '-')}.onnx' changed while the model was opened; it is to be loaded again`,
    });
  });
});
