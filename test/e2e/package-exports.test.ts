/** The built package as another one sees it: imported by name, in processes of their own, with its types. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../import-graph.ts';

const run = promisify(execFile);
let folder = '';

/** A package that depends on this one. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nereid-exports-'));
  await mkdir(join(folder, 'node_modules', '@types'), { recursive: true });
  await symlink(root, join(folder, 'node_modules', 'nereid'));
  await symlink(join(root, 'node_modules', '@types', 'node'), join(folder, 'node_modules', '@types', 'node'));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'dependent', type: 'module' }));
});

afterAll(() => rm(folder, { recursive: true }));

describe('the exports of package.json', () => {
  it.each([
    ['nereid', ['InferenceError', 'StartEndedError', 'StartupError', 'createServer', 'parseServeArguments']],
    ['nereid/http2', ['HeaderField', 'createHttp2Server', 'defaultLimits', 'errorCode']],
    ['nereid/triton-config', ['configJson', 'readTritonConfig']],
  ])('give %s by name, and nothing that was not meant', async (name, expected) => {
    const script = `import * as door from '${name}'; console.log(JSON.stringify(Object.keys(door).sort()))`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual(expected);
  });

  it('do not give the files behind them', async () => {
    const script = "await import('nereid/dist/http2/server.js')";
    const refused = run(process.execPath, ['--input-type=module', '-e', script], { cwd: folder });
    await expect(refused).rejects.toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('bring declarations that are complete under strict checks', async () => {
    await writeFile(join(folder, 'dependent.ts'), dependent);
    const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    await run(process.execPath, [tsc, ...options, 'dependent.ts'], { cwd: folder }).catch(({ stdout }) =>
      expect.fail(stdout),
    );
  });
});

/** Names what the doors promise, and one mistake that only real types can find. */
const dependent = `
import { createHttp2Server, errorCode, HeaderField, type Http2Request, type Http2Server } from 'nereid/http2';
import { configJson, type ModelConfig, type ModelSignature, readTritonConfig } from 'nereid/triton-config';

const server: Http2Server = createHttp2Server(
  {
    onRequest(request: Http2Request, fields) {
      const path: string = fields.find(({ name }) => name === ':path')?.value ?? '';
      if (path === '/') request.sendHeaders([new HeaderField(':status', '200')], true);
      else request.reset(errorCode.cancel);
    },
    onUnexpected: (error: unknown) => console.error(error),
  },
  { limits: { maxConcurrentStreams: 10 } },
);
server.destroy();

function read(signature: ModelSignature) {
  return readTritonConfig({ modelName: 'm', text: 'max_batch_size: 4', signature, settings: { gpuOrdinals: [0] } });
}
const { config, problems } = read({} as ModelSignature);
const rows: number = (config as ModelConfig).maxBatchSize;
const kinds: readonly ('invalid' | 'unsupported' | 'ignored')[] = problems.map(({ kind }) => kind);
if (config) console.log(configJson(config.message), rows, kinds);
// @ts-expect-error there is no such field
console.log(config?.maxBatchSise);
`;

describe('docs/examples', () => {
  it('http2-server.mjs answers and ends in order', async () => {
    const child = spawn(process.execPath, ['docs/examples/http2-server.mjs', '0'], { cwd: root });
    try {
      const [line] = await once(createInterface(child.stdout), 'line');
      const client = connect(String(line).replace('listening on ', ''));
      const request = client.request({ ':method': 'POST', ':path': '/' });
      request.end('hello');
      const [head] = await once(request, 'response');
      expect([head[':status'], head['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
      expect(await text(request)).toBe('HELLO');
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('check-config.mjs tells how a model would be served', async () => {
    const { stdout } = await run(
      process.execPath,
      ['docs/examples/check-config.mjs', 'model-repository/digits_cnn/config.pbtxt'],
      { cwd: root },
    );
    expect(stdout).toContain('digits_cnn: batches of at most 64 rows');
    expect(stdout).toContain('outputs:   scores FP32 [10]');
  });

  it('check-config.mjs tells what is wrong', async () => {
    const path = join(folder, 'config.pbtxt');
    await writeFile(path, 'name: "another"\nmax_batch_size: -1\n');
    const failed = run(process.execPath, ['docs/examples/check-config.mjs', path], { cwd: root });
    await expect(failed).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining("invalid: config.pbtxt:2:1: 'max_batch_size' must be non-negative value"),
    });
  });
});
