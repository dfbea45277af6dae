// Runs h2spec, the conformance tests for HTTP/2 servers, against the gRPC port of the built server.
//
//     node test/peers/h2spec.mjs [--require] [--only=SPEC ...] [--server-flag=FLAG ...] [-- SERVER FLAGS]
//
// `--only=http2/5.1` takes what h2spec takes. h2spec is built by `go install` into build/tools and kept there. When it
// cannot be had the run is skipped with the reason, or fails with --require. h2spec asks with GET and no content type,
// which a gRPC server answers at once and without a body; cases that can only be judged by more than that answer are
// skipped with the reason.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { hasOption, root, serverFlags, startServer, Tally, toolFolder } from './server.mjs';

/** The newest version that the module proxy has: later tags lack the /v2 in their module path. */
const version = 'v2.2.1+incompatible';
const installTimeoutMs = 300_000;
const runTimeoutMs = 240_000;
const caseTimeoutS = 2;
const path = '/inference.GRPCInferenceService/ServerLive';

const only = process.argv.filter((arg) => arg.startsWith('--only=')).map((arg) => arg.slice('--only='.length));
const specs = only.length > 0 ? only : ['generic', 'http2', 'hpack'];

/** Cases that need another answer than a gRPC server's to a request that is not gRPC; `saw` tells it came. */
const unjudged = [
  {
    ids: ['generic/2/2', 'generic/2/3'],
    saw: /^HEADERS Frame \(.*flags:0x05/m,
    reason: 'it waits for DATA, and the answer to a request that is not gRPC has none',
  },
  {
    ids: ['http2/5.1.2/1'],
    saw: /^HEADERS Frame \(.*flags:0x05/m,
    reason: 'requests that are not gRPC are answered at once, so that the limit of streams is not reached',
  },
];

/** The command, or null with the reason printed. */
function prepareH2spec() {
  const command = join(toolFolder, 'h2spec');
  if (existsSync(command)) return command;
  const unavailable = (reason) => {
    console.log(`h2spec: ${hasOption('--require') ? 'FAILED' : 'skipped'}, ${reason}`);
    return null;
  };
  if (spawnSync('go', ['version']).status !== 0) return unavailable('there is no go here');
  mkdirSync(toolFolder, { recursive: true });
  console.log(`h2spec: building ${version}`);
  const built = spawnSync('go', ['install', `github.com/summerwind/h2spec/cmd/h2spec@${version}`], {
    cwd: tmpdir(),
    env: { ...process.env, GOBIN: toolFolder },
    encoding: 'utf8',
    timeout: installTimeoutMs,
  });
  if (built.status !== 0) return unavailable(`go install did not give it:\n${(built.stderr ?? '').slice(-800)}`);
  return command;
}

const entities = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function unescaped(text) {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return entities[name] ?? whole;
  });
}

/** `{ id, title, outcome, text }` of each case in a JUnit report; the id is what h2spec takes to run it alone. */
function readReport(xml) {
  const counts = new Map();
  return [...xml.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g)].map(
    ([, section, title, content = '']) => {
      const count = (counts.get(section) ?? 0) + 1;
      counts.set(section, count);
      const outcome = /<(error|failure)/.test(content) ? 'failed' : /<skipped/.test(content) ? 'skipped' : 'passed';
      const text = unescaped(content.replace(/<[^>]*>/g, ''))
        .replace(/[^\n\x20-\x7e]/g, '?')
        .trim();
      return { id: `${section}/${count}`, title: unescaped(title), outcome, text };
    },
  );
}

/** What h2spec says of its failures at the end of its output, with the requirements that its report leaves out. */
function requirementOf(output, title) {
  const failures = output.slice(output.lastIndexOf('Failures:'));
  const at = failures.indexOf(`: ${title}\n`);
  if (at === -1) return '';
  return /-> ([\s\S]*?)\s+Expected:/.exec(failures.slice(at))?.[1]?.replace(/\s+/g, ' ') ?? '';
}

function runH2spec(command, port, report) {
  const args = [...specs, '-h', '127.0.0.1', '-p', String(port), '-P', path, '-o', String(caseTimeoutS), '-j', report];
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const late = setTimeout(() => child.kill('SIGKILL'), runTimeoutMs);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (part) => {
        output += part;
      });
    }
    child.on('close', () => {
      clearTimeout(late);
      resolve(output);
    });
  });
}

function count(cases, output) {
  const tally = new Tally();
  for (const { id, title, outcome, text } of cases) {
    const name = `${id} ${title}`;
    const known = unjudged.find(({ ids, saw }) => ids.includes(id) && saw.test(text));
    if (outcome === 'passed') tally.pass();
    else if (outcome === 'skipped') tally.skip(name, 'h2spec skipped it, the answer gave it nothing to work with');
    else if (known) tally.skip(name, known.reason);
    else {
      const lines = text.split('\n');
      const expected = `expected ${lines.slice(0, -1).join(', or ')}\n    saw ${lines.at(-1)}`;
      tally.fail(name, `${requirementOf(output, title)}\n    ${expected}`);
    }
  }
  return tally;
}

async function main() {
  const command = prepareH2spec();
  if (command === null) {
    process.exitCode = hasOption('--require') ? 1 : 0;
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'nereid-h2spec-'));
  mkdirSync(join(folder, 'repository'));
  const report = join(folder, 'report.xml');
  try {
    const server = await startServer(join(folder, 'repository'), serverFlags());
    let output = '';
    let ended;
    try {
      output = await runH2spec(command, server.grpcPort, report);
    } finally {
      ended = await server.stop();
    }
    const cases = existsSync(report) ? readReport(readFileSync(report, 'utf8')) : [];
    const tally = count(cases, output);
    if (cases.length === 0) tally.fail('h2spec', `it gave no report:\n${output.slice(-1000)}`);
    if (ended !== 0) tally.fail('the server', `ended with ${ended} after SIGTERM, expected 0\n${server.log()}`);
    tally.close();
  } catch (error) {
    console.log(`h2spec: FAILED, ${error.message}`);
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.chdir(root);
await main();
