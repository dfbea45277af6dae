// A worker that watches its own event loop and holds it now and then; `cells` is shared. Says how often it was told.

import { parentPort, workerData } from 'node:worker_threads';
import { turnBoundsMs } from '../../dist/event-loop/turn-counts.js';
import { loadNativeThreads } from '../../dist/threads/native-threads.js';

const { cells, what } = workerData;
let told = 0;
const end = loadNativeThreads().watchTurns(turnBoundsMs, 50, cells, () => {
  told++;
  if (what === 'hold') parentPort.postMessage(told);
});

function hold(ms) {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

if (what === 'hold') {
  setTimeout(() => hold(120), 20);
  parentPort.on('message', () => {
    end();
    end();
    process.exit();
  });
} else if (what === 'sleep') {
  // Waits only: nothing keeps the loop busy.
  setTimeout(() => parentPort.postMessage(told), 400);
} else if (what === 'leave') {
  // The watch does not keep the thread alive.
  parentPort.postMessage(0);
} else {
  setInterval(() => undefined, 1);
  parentPort.postMessage(0);
}
