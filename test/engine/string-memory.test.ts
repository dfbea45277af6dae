/** The memory of BYTES tensors in the runtime, which is eight times that of their bytes: no batch leaves it behind. */

import { afterAll, expect, it } from 'vitest';
import { residentBytes } from '../e2e/bystander.ts';
import { elem } from '../models/onnx-writer.ts';
import { cpuSpec, engineForTests, identityModel, modelFolder, outputsOf, withSession } from './model-files.ts';

const mib = 2 ** 20;
const engine = engineForTests();
const folder = modelFolder();
afterAll(() => folder.remove());

it('strings of batches of many sizes are freed when each batch has ended', { timeout: 120_000 }, async () => {
  const spec = cpuSpec(folder.write('strings.onnx', identityModel(elem.string, ['batch'])));
  const least = 500_000;
  await withSession(engine, spec, async (instance) => {
    // Empty strings: a length prefix of zero each.
    const run = async (count: number) => {
      const [output] = await outputsOf(
        instance,
        [{ index: 0, shape: [count], parts: [new Uint8Array(4 * count)] }],
        [0],
      );
      expect(output.shape).toEqual([count]);
    };
    // The largest first: the memory of its outputs is used again.
    for (let i = 0; i < 3; i++) await run(least + 32);
    const settled = residentBytes(process.pid);
    for (let i = 0; i < 24; i++) await run(least + i);
    // 24 tensors of 15 MiB would be 366 MiB.
    expect((residentBytes(process.pid) - settled) / mib).toBeLessThan(120);
  });
});
