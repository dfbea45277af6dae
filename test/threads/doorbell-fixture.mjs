// A worker at one of the ends of doorbells; its data selects the action. `words` is shared: [0] is the number that
// goes to and fro, [1] becomes 1 when the ringer is done or has to stop, from [2] on there are ids.

import { parentPort, workerData } from 'node:worker_threads';
import { loadNativeThreads } from '../../dist/threads/native-threads.js';

const native = loadNativeThreads();
const { what, words, id, times } = workerData;

if (what === 'ring') {
  for (let i = 0; i < times; i++) {
    words[0]++;
    native.ringDoorbell(id);
  }
  Atomics.store(words, 1, 1);
  Atomics.notify(words, 1);
} else if (what === 'answer') {
  // Keeps the thread alive; the doorbell does not.
  parentPort.on('message', () => process.exit());
  parentPort.postMessage(
    native.createDoorbell(() => {
      if (words[0] % 2 === 0) return;
      words[0]++;
      native.ringDoorbell(id);
    }),
  );
} else if (what === 'throw') {
  parentPort.on('message', () => undefined);
  parentPort.postMessage(
    native.createDoorbell(() => {
      throw new Error('on purpose');
    }),
  );
} else if (what === 'leave') {
  parentPort.postMessage(native.createDoorbell(() => undefined));
} else if (what === 'close another') {
  native.closeDoorbell(id);
} else if (what === 'ring all') {
  parentPort.postMessage('ringing');
  while (Atomics.load(words, 1) === 0) {
    for (let at = 2; at < words.length; at++) native.ringDoorbell(Atomics.load(words, at));
  }
}
