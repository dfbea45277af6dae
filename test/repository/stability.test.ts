import { describe, expect, it } from 'vitest';
import { readTextConfig } from '../../src/model-config/read-config.ts';
import { scanFolder } from '../../src/repository/layout.ts';
import { missingFiles } from '../../src/repository/referenced-files.ts';
import { stabilityOf } from '../../src/repository/stability.ts';
import { put, temporaryFolders } from './folders.ts';

const temporary = temporaryFolders();
const scan = (folder: string) => scanFolder('m', folder, { configName: null });
const message = readTextConfig(
  'config.pbtxt',
  `default_model_filename: "net.onnx" output { name: "y" label_filename: "labels.txt" }
   model_warmup { inputs { key: "x" value { input_data_file: "one" } } }
   model_operations { op_library_filename: "../outside.so" }`,
);

describe('a folder that changes', () => {
  it('counts when two scans in a row agree', async () => {
    const folder = temporary();
    put(folder, { '1/net.onnx': 'x' });
    const first = await scan(folder);
    expect(stabilityOf(null, first, [])).toEqual({ kind: 'changing' });
    expect(stabilityOf(first, await scan(folder), [])).toEqual({ kind: 'stable' });
    put(folder, { '1/net.onnx': 'longer' });
    expect(stabilityOf(first, await scan(folder), [])).toEqual({ kind: 'changing' });
  });

  it('does not count while a file that it refers to is missing or a model file is empty', async () => {
    const folder = temporary();
    put(folder, { '1/net.onnx': 'x', '2/net.onnx': '', '3/': '' });
    const model = await scan(folder);
    const missing = await missingFiles(model, message, model.versions);
    expect(missing).toEqual(['2/net.onnx', '3/net.onnx', 'labels.txt', 'warmup/one']);
    expect(stabilityOf(model, await scan(folder), missing)).toEqual({ kind: 'incomplete', missing });
    put(folder, { '2/net.onnx': 'x', '3/net.onnx/': '', 'labels.txt': '', 'warmup/one': '' });
    expect(await missingFiles(await scan(folder), message, [1, 2, 3])).toEqual([]);
  });
});
