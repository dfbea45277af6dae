// A worker that serves one listening socket: tells each connection its name and hangs up. In a process of its own it
// opens the socket itself, sharing its port, and keeps it until its input ends.

import { createServer } from 'node:net';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { loadNativeThreads } from '../../dist/threads/native-threads.js';

if (isMainThread) {
  const { fd, port } = loadNativeThreads().openListener('127.0.0.1', 0, 16, 'first');
  createServer().listen({ fd, backlog: 16 }, () => console.log(port));
  process.stdin.resume().on('end', () => process.exit());
} else {
  const { fd, name } = workerData;
  const server = createServer((socket) => socket.end(name));
  server.listen({ fd, backlog: 64 }, () => parentPort.postMessage(server.address()));
}
