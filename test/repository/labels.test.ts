import { describe, expect, it } from 'vitest';
import { labelsOf, readLabels } from '../../src/repository/labels.ts';
import { put, temporaryFolders } from './folders.ts';

const temporary = temporaryFolders();

describe('label files', () => {
  it('have one label per line, in either line end, blank lines counting', () => {
    expect(labelsOf('cat\ndog\n')).toEqual(['cat', 'dog']);
    expect(labelsOf('cat\r\n\r\ndog')).toEqual(['cat', '', 'dog']);
    expect(labelsOf('\uFEFFcat')).toEqual(['cat']);
    expect(labelsOf('')).toEqual([]);
  });

  it('are read from the model folder and from nowhere else', async () => {
    const folder = temporary();
    put(folder, { 'm/labels/en.txt': 'cat\n', 'outside.txt': 'x', 'm/sub/': '' });
    expect(await readLabels(`${folder}/m`, 'labels/en.txt')).toEqual(['cat']);
    await expect(readLabels(`${folder}/m`, '../outside.txt')).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(readLabels(`${folder}/m`, 'nolabels.txt')).rejects.toMatchObject({
      code: 'not_found',
      message: "label file 'nolabels.txt' does not exist in the model's folder",
    });
    await expect(readLabels(`${folder}/m`, 'sub')).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});
