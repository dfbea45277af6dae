/** NativeLink between the test's thread and workers. Uses the built server. */

import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { loadNativeThreads } from '../../src/threads/native-threads.ts';

const fixture = join(import.meta.dirname, 'doorbell-fixture.mjs');
const native = loadNativeThreads();

const workers: Worker[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

const sharedWords = (length: number): Int32Array =>
  new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));

interface Role {
  readonly what: string;
  readonly words?: Int32Array;
  readonly id?: number;
  readonly times?: number;
}

function start(role: Role): Worker {
  const worker = new Worker(fixture, { workerData: role });
  workers.push(worker);
  return worker;
}

async function firstMessage(worker: Worker): Promise<number> {
  const [message] = await once(worker, 'message');
  return message;
}

/** A doorbell that counts, and the next call of it. */
function counter() {
  let wake: () => void = () => undefined;
  const bell = {
    calls: 0,
    id: native.createDoorbell(() => {
      bell.calls++;
      wake();
    }),
    rung: () =>
      new Promise<void>((resolve) => {
        wake = resolve;
      }),
  };
  return bell;
}

/** Passes once the event loop has seen every ring so far. */
async function allRung(): Promise<void> {
  const last = counter();
  native.ringDoorbell(last.id);
  await last.rung();
  native.closeDoorbell(last.id);
}

describe('a doorbell', () => {
  it('wakes the thread that made it, which sees earlier writes', async () => {
    const words = sharedWords(2);
    const bell = counter();
    start({ what: 'ring', words, id: bell.id, times: 1 });
    await bell.rung();
    expect(words[0]).toBe(1);
    native.closeDoorbell(bell.id);
  });

  it('calls once for all rings while its thread was busy', async () => {
    const words = sharedWords(2);
    const bell = counter();
    start({ what: 'ring', words, id: bell.id, times: 10_000 });
    // A worker needs this thread to start, so the wait comes after.
    await once(workers[0], 'online');
    Atomics.wait(words, 1, 0);
    await bell.rung();
    await allRung();
    expect(words[0]).toBe(10_000);
    expect(bell.calls).toBe(1);
    native.closeDoorbell(bell.id);
  });

  it('calls again for a ring during the call', async () => {
    let calls = 0;
    await new Promise<void>((resolve) => {
      const id = native.createDoorbell(() => {
        calls++;
        if (calls === 3) resolve();
        else native.ringDoorbell(id);
      });
      native.ringDoorbell(id);
    });
    await allRung();
    expect(calls).toBe(3);
  });

  it('loses no ring between two threads that answer each other', async () => {
    const words = sharedWords(2);
    const turns = 20_000;
    let done: () => void = () => undefined;
    let other = 0;
    const finished = new Promise<void>((resolve) => {
      done = resolve;
    });
    const id = native.createDoorbell(() => {
      if (words[0] >= turns) done();
      else if (words[0] % 2 === 0) {
        words[0]++;
        native.ringDoorbell(other);
      }
    });
    const worker = start({ what: 'answer', words, id });
    other = await firstMessage(worker);
    native.ringDoorbell(id);
    await finished;
    expect(words[0]).toBe(turns);
    native.closeDoorbell(id);
  });

  it('does not keep its thread alive and is silent after it', async () => {
    const worker = start({ what: 'leave' });
    const [[id], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
    expect(code).toBe(0);
    for (let i = 0; i < 3; i++) native.ringDoorbell(id);
    expect(native.createDoorbell(() => undefined)).toBeGreaterThan(id);
  });

  it('turns an exception of its callback into an uncaught exception of its thread', async () => {
    const worker = start({ what: 'throw' });
    native.ringDoorbell(await firstMessage(worker));
    const [error] = await once(worker, 'error');
    expect(error.message).toBe('on purpose');
  });

  it('is silent once it is closed, even when it was rung before', async () => {
    const bell = counter();
    native.ringDoorbell(bell.id);
    native.closeDoorbell(bell.id);
    native.ringDoorbell(bell.id);
    native.closeDoorbell(bell.id);
    await allRung();
    expect(bell.calls).toBe(0);
  });

  it('may be closed in its own callback', async () => {
    let calls = 0;
    const id = native.createDoorbell(() => {
      calls++;
      native.ringDoorbell(id);
      native.closeDoorbell(id);
    });
    native.ringDoorbell(id);
    await allRung();
    expect(calls).toBe(1);
  });

  it('is closed by its own thread only', async () => {
    const bell = counter();
    await once(start({ what: 'close another', id: bell.id }), 'exit');
    native.ringDoorbell(bell.id);
    await bell.rung();
    expect(bell.calls).toBe(1);
    native.closeDoorbell(bell.id);
  });

  it('may be rung all the time while threads with doorbells come and go', async () => {
    const words = sharedWords(6);
    const mine = counter();
    words[2] = mine.id;
    const ringer = start({ what: 'ring all', words });
    await once(ringer, 'message');
    for (let turn = 0; turn < 10; turn++) {
      const worker = start({ what: turn % 2 === 0 ? 'leave' : 'answer', words: sharedWords(2), id: mine.id });
      Atomics.store(words, 3 + (turn % 3), await firstMessage(worker));
      await worker.terminate();
    }
    Atomics.store(words, 1, 1);
    await once(ringer, 'exit');
    expect(mine.calls).toBeGreaterThan(0);
    native.closeDoorbell(mine.id);
  });

  it('is not made or rung with invalid arguments', () => {
    expect(() => native.createDoorbell('bell' as unknown as () => void)).toThrow(TypeError);
    for (const id of [0, -1, 1e9, Number.NaN]) native.ringDoorbell(id);
    native.ringDoorbell('bell' as unknown as number);
    native.closeDoorbell(undefined as unknown as number);
  });
});
