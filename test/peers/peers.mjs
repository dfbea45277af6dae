// Functional checks of both ports by HTTP and gRPC implementations that are not ours.
//
//     node test/peers/peers.mjs [--only=PEER ...] [--server-flag=FLAG ...] [-- SERVER FLAGS]
//
// Peers: http1 (curl, h2load, Python, fetch), command-line (curl, nghttp, h2load over HTTP/2), reflection (grpcurl),
// grpc-js, grpc-go, grpcio.
// What is not here – a program, Go, Python, a registry – is skipped with the reason; what fails, fails. Needs the built
// server and model-repository.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { commandLineChecks } from './command-line-peers.mjs';
import { clientNames, grpcClientChecks } from './grpc-clients.mjs';
import { http1Checks } from './http1-clients.mjs';
import { reflectionChecks } from './reflection-clients.mjs';
import { root, serverFlags, startServer, Tally } from './server.mjs';

const only = process.argv.filter((arg) => arg.startsWith('--only=')).map((arg) => arg.slice('--only='.length));
const isWanted = (name) => only.length === 0 || only.includes(name);

const tally = new Tally();
const folder = mkdtempSync(join(tmpdir(), 'nereid-peers-'));
try {
  const server = await startServer(join(root, 'model-repository'), serverFlags());
  let ended;
  try {
    const address = `127.0.0.1:${server.grpcPort}`;
    if (isWanted('http1')) await http1Checks(tally, `http://127.0.0.1:${server.httpPort}`, folder);
    if (isWanted('command-line')) await commandLineChecks(tally, `http://${address}`, folder);
    if (isWanted('reflection')) await reflectionChecks(tally, address);
    for (const name of clientNames.filter(isWanted)) await grpcClientChecks(tally, name, address);
  } finally {
    ended = await server.stop();
  }
  if (ended !== 0) tally.fail('the server', `ended with ${ended} after SIGTERM, expected 0\n${server.log()}`);
} catch (error) {
  tally.fail('the server', error.message);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
tally.close();
