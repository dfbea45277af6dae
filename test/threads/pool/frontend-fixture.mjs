// The entry of a frontend thread that reports accepted connections, and that fails on command or as the environment
// says: `fail` before anything, `leave` likewise but without an error, `half` when one of two sockets is taken.

import { subscribe } from 'node:diagnostics_channel';
import { Server } from 'node:net';
import { BroadcastChannel, threadId, workerData } from 'node:worker_threads';
import { loadNativeThreads } from '../../../dist/threads/native-threads.js';

const manner = process.env.FRONTEND_FIXTURE;
if (manner === 'fail') throw new Error('failed on purpose');
if (manner === 'leave') process.exit();
if (manner === 'half') {
  const { listen } = Server.prototype;
  let listens = 0;
  Server.prototype.listen = function (...options) {
    if (++listens === 2) throw new Error('failed half way');
    return listen.apply(this, options);
  };
}

const channel = new BroadcastChannel('frontend-fixture');
channel.unref();
subscribe('net.server.socket', () => {
  channel.postMessage({ thread: threadId });
});
channel.onmessage = ({ data }) => {
  if (data.count === workerData.index)
    channel.postMessage({ counts: [...new Int32Array(workerData.connections.http)] });
  if (data.fail === threadId) throw new Error('failed on purpose');
  if (data.corrupt === threadId) writeNonsense(workerData);
};

/** An entry that begins a call which is far from the next one. */
function writeNonsense({ link, doorbell }) {
  const ring = new Int32Array(link.outgoing);
  const [written] = ring;
  ring.set([0, 1_000_000, 0, 0], 48 + (written % 4096) * 4);
  Atomics.store(ring, 0, written + 1);
  loadNativeThreads().ringDoorbell(doorbell);
}

await import('../../../dist/threads/pool/frontend-thread.js');
