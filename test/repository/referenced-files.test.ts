import { describe, expect, it } from 'vitest';
import { readTextConfig } from '../../src/model-config/schema/read-config.ts';
import { scanFolder } from '../../src/repository/layout.ts';
import { missingFiles } from '../../src/repository/referenced-files.ts';
import { put, temporaryFolders } from './folders.ts';

const temporary = temporaryFolders();
const scan = (folder: string) => scanFolder('m', folder, { configName: null });
const message = readTextConfig(
  'config.pbtxt',
  `default_model_filename: "net.onnx" output { name: "y" label_filename: "labels.txt" }
   model_warmup { inputs { key: "x" value { input_data_file: "one" } } }
   model_operations { op_library_filename: "../outside.so" }`,
);

describe('files that a configuration refers to', () => {
  it('are missing where they are not there, and model files where they are empty', async () => {
    const folder = temporary();
    put(folder, { '1/net.onnx': 'x', '2/net.onnx': '', '3/': '' });
    const model = await scan(folder);
    const missing = await missingFiles(model, message, model.versions);
    expect(missing).toEqual(['2/net.onnx', '3/net.onnx', 'labels.txt', 'warmup/one']);
    put(folder, { '2/net.onnx': 'x', '3/net.onnx/': '', 'labels.txt': '', 'warmup/one': '' });
    expect(await missingFiles(await scan(folder), message, [1, 2, 3])).toEqual([]);
  });
});
