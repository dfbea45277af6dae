// Runs the shared conformance replayer against the built server and holds its failures against `left-out.json`: a failure
// that is not listed there, and a listed case that passes, both fail this run.
//
//     node test/conformance/replay.mjs [SUITE[,SUITE]|all [SERVER FLAG…]]

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const corpus = join(root, '../shared/conformance');
const [suites = 'all', ...serverFlags] = process.argv.slice(2);

if (!existsSync(corpus)) {
  console.log('conformance replay: skipped, there is no ../shared/conformance beside this checkout');
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), 'nereid-replay-'));
const resultFile = join(folder, 'result.json');
const server = `${process.execPath} ${join(root, 'dist/main.js')} serve --http-address=127.0.0.1 --grpc-address=127.0.0.1`;
const places = '--model-repository={repo} --http-port={http} --grpc-port={grpc} --metrics-port={metrics}';
const args = [join(corpus, 'replay/replay.mjs'), '--corpus', corpus, '--suite', suites, '--json', resultFile];
spawnSync(process.execPath, [...args, '--server', [server, places, ...serverFlags].join(' ')], { stdio: 'inherit' });
const report = JSON.parse(readFileSync(resultFile, 'utf8'));
const outcomes = Object.entries(report.suites).flatMap(([suite, { cases }]) =>
  cases.map((entry) => ({ suite, ...entry })),
);
rmSync(folder, { recursive: true });

const leftOut = JSON.parse(readFileSync(new URL('left-out.json', import.meta.url), 'utf8'));
const wrong = [];
let excused = 0;
for (const { suite, id, status, reason } of outcomes) {
  const excuse = leftOut[suite]?.[id];
  if (status === 'failed' && !excuse) wrong.push(`${suite} ${id}: ${reason}`);
  if (status === 'failed' && excuse) {
    excused++;
    console.log(`left out: ${suite} ${id}: ${excuse}`);
  }
  if (status === 'passed' && excuse) wrong.push(`${suite} ${id}: passes, but left-out.json says: ${excuse}`);
}
for (const line of wrong) console.log(`WRONG ${line}`);
const passed = outcomes.filter(({ status }) => status === 'passed').length;
console.log(`replay: ${passed} passed, ${wrong.length} failed, ${excused} skipped`);
process.exitCode = wrong.length === 0 && passed > 0 ? 0 : 1;
