/**
 * CPU of the HTTP frontend alone, in µs per request: the compiled frontend with a server behind it that answers at
 * once, in a process of its own, loaded over loopback by keep-alive connections. Usage: node bench/http.mjs
 * [--dist=DIR] [--connections=32] [--pipeline=1] [--seconds=2] [--json]; DIR holds the compiled server, `dist` by
 * default.
 */

import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    dist: { type: 'string', default: 'dist' },
    role: { type: 'string', default: 'client' },
    connections: { type: 'string', default: '32' },
    pipeline: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const rounds = 3;

function binaryRequest(byteCount) {
  const json = JSON.stringify({
    inputs: [
      { name: 'INPUT0', shape: [1, byteCount / 4], datatype: 'FP32', parameters: { binary_data_size: byteCount } },
    ],
    outputs: [{ name: 'INPUT0', parameters: { binary_data: true } }],
  });
  return requestOf(
    Buffer.concat([Buffer.from(json), Buffer.alloc(byteCount, 1)]),
    `Inference-Header-Content-Length: ${json.length}\r\nContent-Type: application/octet-stream\r\n`,
  );
}

function jsonRequest(count) {
  const data = Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i)));
  const json = JSON.stringify({ inputs: [{ name: 'INPUT0', shape: [1, count], datatype: 'FP32', data }] });
  return requestOf(Buffer.from(json), 'Content-Type: application/json\r\n');
}

function requestOf(body, headers) {
  const head = `POST /v2/models/echo/infer HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

const workloads = {
  'binary 64 B': binaryRequest(64),
  'binary 4 KB': binaryRequest(4096),
  'binary 600 KB': binaryRequest(600 * 1024),
  'json 16 floats': jsonRequest(16),
  'json 1024 floats': jsonRequest(1024),
};

async function serve() {
  const compiled = (path) => new URL(`${options.dist}/${path}`, `file://${process.cwd()}/`).href;
  const { createHttpFrontend } = await import(compiled('frontends/http/http-frontend.js'));
  const { systemClock } = await import(compiled('time.js'));
  const { silentLogger } = await import(compiled('logger.js'));
  const noParameters = new Map();
  const server = {
    infer({ modelName, id, inputs }, _context, sink) {
      const [{ name, datatype, shape, data }] = inputs;
      const outputs = [{ name, datatype, shape, data, labels: [], classificationCount: 0 }];
      const response = { modelName, modelVersion: '1', id, parameters: noParameters, outputs, isBatched: true };
      sink.next({ ...response, release: () => undefined }, true);
    },
  };
  const frontend = createHttpFrontend({
    server,
    clock: systemClock,
    logger: silentLogger,
    config: {
      listen: { host: '127.0.0.1', port: 0 },
      maxInputBytes: 2 ** 26,
      headerForwardPattern: null,
      restrictions: [],
    },
  });
  const { port } = await frontend.start();
  process.on('message', () => process.send(process.cpuUsage()));
  process.on('disconnect', () => process.exit());
  process.send(port);
}

/** The lower bound: `node:http` with a handler that collects the body and sends bytes of the same size back. */
async function serveBare() {
  const http = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
      response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': body.length });
      response.end(body);
    });
  });
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  process.on('message', () => process.send(process.cpuUsage()));
  process.on('disconnect', () => process.exit());
  process.send(http.address().port);
}

/** Keeps `depth` requests outstanding; counts answers by their Content-Length. */
function connect(port, request, depth, state) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    let outstanding = 0;
    let headText = '';
    let bodyLeft = 0;
    const fill = () => {
      const count = Math.min(depth - outstanding, state.isRunning ? depth : 0);
      if (count > 0) socket.write(count === 1 ? request : Buffer.concat(Array(count).fill(request)));
      outstanding += count;
      if (outstanding === 0) socket.end();
    };
    socket.on('connect', fill);
    socket.on('error', reject);
    socket.on('close', resolve);
    socket.on('data', (chunk) => {
      let at = 0;
      while (at < chunk.length) {
        if (bodyLeft > 0) {
          const taken = Math.min(bodyLeft, chunk.length - at);
          bodyLeft -= taken;
          at += taken;
          if (bodyLeft === 0) answered();
          continue;
        }
        headText += chunk.latin1Slice(at, Math.min(chunk.length, at + 1024));
        const end = headText.indexOf('\r\n\r\n');
        if (end === -1) return;
        if (!headText.startsWith('HTTP/1.1 200')) return reject(new Error(headText));
        const before = headText.length - Math.min(chunk.length - at, 1024);
        bodyLeft = Number(/\r\ncontent-length: (\d+)/i.exec(headText)[1]);
        at += end + 4 - before;
        headText = '';
      }
      fill();
    });
    const answered = () => {
      outstanding--;
      state.count++;
    };
  });
}

async function measure(child, port, request) {
  const cpu = () =>
    new Promise((resolve) => {
      child.once('message', ({ user, system }) => resolve(user + system));
      child.send('cpu');
    });
  const state = { isRunning: true, count: 0 };
  const depth = Number(options.pipeline);
  const ends = Array.from({ length: Number(options.connections) }, () => connect(port, request, depth, state));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const [cpuBefore, countBefore, startMs] = [await cpu(), state.count, performance.now()];
  await new Promise((resolve) => setTimeout(resolve, Number(options.seconds) * 1000));
  const [cpuAfter, countAfter, endMs] = [await cpu(), state.count, performance.now()];
  state.isRunning = false;
  await Promise.all(ends);
  const count = countAfter - countBefore;
  return { cpuUs: (cpuAfter - cpuBefore) / count, perSecond: (count * 1000) / (endMs - startMs) };
}

const start = async (role) => {
  const execArgv = process.env.PROFILE ? ['--cpu-prof', `--cpu-prof-dir=${process.env.PROFILE}`] : [];
  const child = fork(fileURLToPath(import.meta.url), [`--role=${role}`, `--dist=${options.dist}`], { execArgv });
  const port = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`${role} ended with exit code ${code}`)));
  });
  return { child, port };
};

const median = (runs) => runs.sort((a, b) => a.cpuUs - b.cpuUs)[Math.floor(runs.length / 2)];

async function load() {
  const servers = [await start('server'), await start('bare')];
  const results = [];
  for (const [name, request] of Object.entries(workloads)) {
    if (options.only && !name.includes(options.only)) continue;
    const runs = [[], []];
    for (let round = 0; round < rounds; round++) {
      for (const [i, { child, port }] of servers.entries()) runs[i].push(await measure(child, port, request));
    }
    const [ours, bare] = runs.map(median);
    results.push({ name, cpuUs: ours.cpuUs, perSecond: ours.perSecond, bareCpuUs: bare.cpuUs });
    if (options.json) continue;
    const [cpu, bareCpu] = [ours.cpuUs, bare.cpuUs].map((us) => us.toFixed(1).padStart(7));
    console.log(
      `${name.padEnd(17)} ${cpu} µs CPU, ${ours.perSecond.toFixed(0).padStart(6)}/s; bare node:http ${bareCpu} µs CPU`,
    );
  }
  if (options.json) console.log(JSON.stringify(results));
  for (const { child } of servers) child.disconnect();
}

const roles = { client: load, server: serve, bare: serveBare };
await roles[options.role]();
