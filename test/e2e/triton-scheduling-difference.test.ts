/**
 * A few requests behind one that runs, to a real Triton and to this server: who stands in a batch with how many others, who is
 * refused, in which order the answers come, and how statistics and metrics count it.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingTriton, startTriton } from './real-triton.ts';
import { type Seen, SchedulingClient } from './scheduling-client.ts';
import { scenarios, schedulingModel, tensors } from './scheduling-probes.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

const missing = missingTriton();
if (missing !== null) console.log(`comparison of scheduling with Triton: skipped, ${missing}`);

const flags = ['--model-control-mode=explicit'];
const table = scenarios.map((scenario, place) => [scenario.about, `s${place}`, scenario] as const);

describe.runIf(missing === null)('the same as in Triton', () => {
  const clients: SchedulingClient[] = [];
  const closers: (() => unknown)[] = [];

  beforeAll(async () => {
    const { path, dispose } = await temporaryFolder();
    const copy = await temporaryFolder();
    closers.push(dispose, copy.dispose);
    for (const [, name, { config, maxBatchSize = 4 }] of table) {
      await mkdir(join(path, name, '1'), { recursive: true });
      await writeFile(join(path, name, '1/model.onnx'), schedulingModel);
      const text = `platform: "onnxruntime_onnx"\nmax_batch_size: ${maxBatchSize}\n${tensors}${config}`;
      await writeFile(join(path, name, 'config.pbtxt'), text);
    }
    const triton = await startTriton(path, copy.path, flags);
    closers.push(() => triton.stop());
    const server = await ServerProcess.start(path, flags);
    closers.push(() => server.kill());
    for (const { ports } of [triton, server]) {
      const client = new SchedulingClient(ports);
      closers.push(() => client.close());
      clients.push(client);
      await client.calibrate('s0');
    }
  });
  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });

  // Requests are timed against a run that takes a second or two; on a loaded machine the run may be over too early.
  it.each(table)('is that %s', { retry: 2 }, async (_, name, scenario) => {
    const seen: Seen[] = [];
    for (const client of clients) seen.push(await client.run(name, scenario));
    const [theirs, ours] = seen as [Seen, Seen];
    const { difference } = scenario;
    if (difference === undefined) {
      expect(ours).toEqual(theirs);
      return;
    }
    // A line of the document that is no longer true shall be noticed.
    expect(ours, difference.line).not.toEqual(theirs);
    const expected = difference.here ?? theirs.answers;
    expect(ours.answers.map((text, i) => text.slice(0, expected[i]?.length))).toEqual(expected);
  });
});
