/** A model with an operator of its own, in a library that the compiler of this machine makes. */

import { spawnSync } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { elem, model, node, tensorType, valueInfo } from '../models/onnx-writer.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

const compiler = process.env.CC ?? 'cc';
const hasCompiler = spawnSync(compiler, ['--version']).status === 0;
if (!hasCompiler) console.log(`custom operators: skipped, there is no compiler '${compiler}' here`);

const source = join(import.meta.dirname, 'custom-operators.c');

const tripleModel = (): Uint8Array =>
  model({
    nodes: [node('Triple', ['INPUT'], ['OUTPUT'], {}, 'nereid.test')],
    inputs: [valueInfo('INPUT', tensorType(elem.float, ['batch', 4]))],
    outputs: [valueInfo('OUTPUT', tensorType(elem.float, ['batch', 4]))],
    domainOpsets: { 'nereid.test': 1 },
  });

/** A repository with `triple`, whose library lies in its folder. */
async function repositoryWithTriple(): Promise<string> {
  const { path, dispose } = await temporaryFolder();
  onTestFinished(dispose);
  const folder = join(path, 'triple');
  await mkdir(join(folder, '1'), { recursive: true });
  await writeFile(join(folder, '1', 'model.onnx'), tripleModel());
  await writeFile(
    join(folder, 'config.pbtxt'),
    'max_batch_size: 8\nmodel_operations { op_library_filename: "libtriple.so" }\n',
  );
  build(join(folder, 'libtriple.so'), 3);
  return path;
}

/** `Triple` of this library multiplies by the factor. */
function build(library: string, factor: number): void {
  const built = spawnSync(compiler, ['-shared', '-fPIC', '-O1', `-DFACTOR=${factor}`, '-o', library, source]);
  expect(built.stderr.toString()).toBe('');
}

describe.runIf(hasCompiler)('a library of custom operators', () => {
  it('serves its model, also after a reload and with several instances', async () => {
    const repository = await repositoryWithTriple();
    const server = await ServerProcess.start(repository, ['--model-control-mode=explicit', '--load-model=triple']);
    onTestFinished(() => server.kill());
    const post = (path: string, body: object): Promise<Response> =>
      fetch(`${server.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
    const ask = async (): Promise<unknown> => {
      const input = { name: 'INPUT', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] };
      return (await post('/v2/models/triple/infer', { inputs: [input] })).json();
    };
    const answer = { model_name: 'triple', outputs: [{ data: [3, 6, 9, 12], shape: [1, 4] }] };
    expect(await ask()).toMatchObject(answer);
    const config = JSON.stringify({
      max_batch_size: 4,
      instance_group: [{ count: 3, kind: 'KIND_CPU' }],
      model_operations: { op_library_filename: ['libtriple.so'] },
    });
    expect((await post('/v2/repository/models/triple/load', { parameters: { config } })).status).toBe(200);
    expect(await Promise.all(Array.from({ length: 20 }, ask))).toMatchObject(new Array(20).fill(answer));
    expect((await post('/v2/repository/models/triple/unload', {})).status).toBe(200);
    expect((await post('/v2/repository/models/triple/load', {})).status).toBe(200);
    expect(await ask()).toMatchObject(answer);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });

  it('may be replaced: the next load serves the new one, and one that is cut off is refused while the old one serves', async () => {
    const repository = await repositoryWithTriple();
    const server = await ServerProcess.start(repository, ['--model-control-mode=explicit', '--load-model=triple']);
    onTestFinished(() => server.kill());
    const library = join(repository, 'triple', 'libtriple.so');
    const load = (): Promise<Response> => fetch(`${server.url}/v2/repository/models/triple/load`, { method: 'POST' });
    const ask = async (): Promise<unknown> => {
      const input = { name: 'INPUT', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] };
      const body = JSON.stringify({ inputs: [input] });
      const answer = await fetch(`${server.url}/v2/models/triple/infer`, { method: 'POST', body });
      return ((await answer.json()) as { outputs: { data: unknown }[] }).outputs[0]?.data;
    };
    for (const factor of [5, 7]) {
      build(`${library}.new`, factor);
      await rename(`${library}.new`, library);
      expect((await load()).status).toBe(200);
      expect(await ask()).toEqual([factor, 2 * factor, 3 * factor, 4 * factor]);
    }
    await writeFile(`${library}.new`, (await readFile(library)).subarray(0, 4096));
    await rename(`${library}.new`, library);
    const refused = await load();
    expect(refused.status).toBe(400);
    expect(await refused.text()).toMatch(
      /custom operator library 'libtriple\.so' is cut off: its segments need \d+ bytes/,
    );
    expect(await ask()).toEqual([7, 14, 21, 28]);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });

  it('that the configuration does not name leaves the model refused, with the name of the operator', async () => {
    const repository = await repositoryWithTriple();
    await writeFile(join(repository, 'triple', 'config.pbtxt'), 'max_batch_size: 8\n');
    const server = await ServerProcess.start(repository, ['--model-control-mode=explicit']);
    onTestFinished(() => server.kill());
    const refused = await fetch(`${server.url}/v2/repository/models/triple/load`, { method: 'POST' });
    expect(refused.status).toBe(400);
    expect(await refused.text()).toMatch(/nereid\.test|Triple/);
  });
});
