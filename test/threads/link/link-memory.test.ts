/** Long use of a link: bounded pages, reused call numbers. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededNumbers } from '../../../bench/models/seeded-numbers.ts';
import { Cancellation, type InferenceContext } from '../../../src/inference/context.ts';
import type { InferenceRequest } from '../../../src/inference/request.ts';
import type { InferenceResponse } from '../../../src/inference/response.ts';
import { fromFrontend } from '../../../src/threads/link/link.ts';
import { RingReader } from '../../../src/threads/link/ring.ts';
import { hostBytes } from '../../../src/tensor/tensor-bytes.ts';
import { awaited } from '../../fakes/awaited.ts';
import { output } from '../../fakes/fake-inference-server.ts';
import { inferenceContext, inferenceRequest, tensor } from '../../fakes/make-request.ts';
import { deferred, type LinkFixture, linkFixture, loopTurns } from './link-fixture.ts';

let link: LinkFixture;
beforeEach(() => {
  link = linkFixture();
});
afterEach(() => link.close());

const bytes = (length: number, fill: number) => tensor('IN', 'UINT8', [length], new Uint8Array(length).fill(fill));

/** An output whose record fails half way: after its size was looked at. */
function unwritable() {
  const broken = output(bytes(8, 1));
  let looks = 0;
  Object.defineProperty(broken, 'shape', {
    get: () => {
      if (looks++ > 0) throw new Error('no shape');
      return [8];
    },
  });
  return broken;
}

/** Counts the pages that both sides announce. */
function countPages(): { pages: number } {
  const counted = { pages: 0 };
  for (const end of [link.ends.frontend, link.ends.scheduling]) {
    const post = end.pages.postMessage.bind(end.pages);
    end.pages.postMessage = (message: unknown) => {
      counted.pages++;
      post(message);
    };
  }
  return counted;
}

describe('pages of a link', () => {
  it('stay few over thousands of requests of mixed sizes', async () => {
    const counted = countPages();
    const lengths = seededNumbers(5)(4000, 0.5).map((value) => Math.floor((value + 0.5) ** 4 * 150_000));
    const inFlight = 16;
    let next = 0;
    const caller = async (): Promise<void> => {
      while (next < lengths.length) {
        const i = next++;
        const { outputs, release } = await awaited(
          link.server.infer,
          inferenceRequest({ id: `${i}`, inputs: [bytes(lengths[i], i % 251)] }),
          inferenceContext(),
        );
        const { data } = outputs[0];
        if (data.length !== lengths[i] || hostBytes(data).some((byte) => byte !== i % 251))
          throw new Error(`answer ${i} is wrong`);
        release();
      }
    };
    await Promise.all(Array.from({ length: inFlight }, caller));
    expect(link.fake.unreleased).toBe(0);
    expect(counted.pages).toBeLessThan(inFlight * 6);
  });

  it('are the same ones again when one request follows another', async () => {
    const ask = async (): Promise<void> => {
      const request = inferenceRequest({ inputs: [bytes(60_000, 1), bytes(600_000, 2)] });
      (await awaited(link.server.infer, request, inferenceContext())).release();
      await link.settle();
    };
    await ask();
    await ask();
    const counted = countPages();
    for (let i = 0; i < 50; i++) await ask();
    expect(counted.pages).toBe(0);
  });

  it('hold messages received by the frontend without another copy', async () => {
    link.fake.answer = async (request) => link.fake.respond(request, []);
    const block = link.server.arena.take(1000).fill(3);
    const request = inferenceRequest({ inputs: [tensor('IN', 'UINT8', [10], block.subarray(0, 10))] });
    (await awaited(link.server.infer, request, inferenceContext())).release();
    const { data } = link.fake.last.request.inputs[0];
    block[0] = 77;
    expect(hostBytes(data)[0]).toBe(77);
    expect(link.server.arena.pageOf(block.buffer)?.liveCount).toBe(1);
    link.server.arena.giveBack(block);
  });
});

describe('the account of a link', () => {
  const expectNothingOpen = async (): Promise<void> => {
    await link.settle();
    expect([link.server.arena.openCount, link.host.openAllocations]).toEqual([0, 0]);
    expect([link.budgets.host.totalBytes, link.budgets.frontend.totalBytes]).toEqual([0, 0]);
  };

  it('returns to zero for any outcome of requests', async () => {
    const ends = new Map<string, (request: InferenceRequest, context: InferenceContext) => Promise<InferenceResponse>>([
      ['answered', async (request) => link.fake.respond(request, [output(bytes(90_000, 1))])],
      ['refused', () => Promise.reject(new Error('no'))],
      [
        'left',
        (_, { cancellation }) =>
          new Promise((_, reject) => cancellation.add(() => queueMicrotask(() => reject(new Error('left'))))),
      ],
      ['unwritable', async (request) => link.fake.respond(request, [unwritable()])],
    ]);
    link.fake.answer = (request, context) =>
      (ends.get(request.id) as NonNullable<ReturnType<typeof ends.get>>)(request, context);
    const kinds = [...ends.keys()];
    const sizes = [10, 70_000, 300_000, 9_000_000];
    const all = Array.from({ length: 80 }, async (_, i) => {
      const id = kinds[i % kinds.length];
      const cancellation = new Cancellation();
      const request = inferenceRequest({ id, inputs: [bytes(sizes[(i >> 2) % sizes.length], i), bytes(20, i)] });
      const asked = awaited(link.server.infer, request, inferenceContext({ cancellation }));
      if (id === 'left') setImmediate(() => cancellation.cancel());
      const outcome = await asked.then(
        (response) => {
          response.release();
          return 'answered';
        },
        () => 'failed',
      );
      expect(outcome).toBe(id === 'answered' ? 'answered' : 'failed');
    });
    await Promise.all(all);
    await expectNothingOpen();
    expect(link.fake.unreleased).toBe(0);
  });

  it('has a request that could not be written no more', async () => {
    const request = inferenceRequest({ inputs: [bytes(100_000, 1), unwritable()] });
    await expect(awaited(link.server.infer, request, inferenceContext())).rejects.toThrow('no shape');
    await expectNothingOpen();
    const response = await awaited(link.server.infer, inferenceRequest(), inferenceContext());
    expect(response.modelName).toBe(inferenceRequest().modelName);
    response.release();
    await expectNothingOpen();
  });
});

describe('a thread that has ended', () => {
  it('leaves no memory behind, once no batch reads its requests', async () => {
    const end = deferred<InferenceResponse>();
    (await awaited(link.server.infer, inferenceRequest({ inputs: [bytes(9, 1)] }), inferenceContext())).release();
    link.fake.answer = () => end.promise;
    const lost = inferenceRequest({ inputs: [bytes(500_000, 7)] });
    awaited(link.server.infer, lost, inferenceContext()).catch(() => undefined);
    await link.settle();
    const { request, context } = link.fake.last;
    link.host.threadEnded();
    expect(context.cancellation.cancelled).toBe(true);
    expect(hostBytes(request.inputs[0].data).every((byte) => byte === 7)).toBe(true);
    end.reject(new Error('cancelled'));
    await link.settle();
    // The fake of the addon clears what is given back to the system.
    expect(hostBytes(request.inputs[0].data).every((byte) => byte === 0)).toBe(true);
  });
});

describe('numbers of calls', () => {
  /** The numbers of requests that the frontend has sent since the last look. */
  function watched() {
    const watcher = new RingReader(link.ends.frontend.outgoing);
    return async (): Promise<number[]> => {
      const inferred: number[] = [];
      const look = () =>
        watcher.drain((kind, call) => {
          if (kind === fromFrontend.infer) inferred.push(call);
          return 0;
        }, 1);
      await loopTurns();
      look();
      await link.settle();
      look();
      return inferred;
    };
  }

  it('are used again only after the answer was read and released', async () => {
    const settle = watched();
    const ask = () => awaited(link.server.infer, inferenceRequest(), inferenceContext());
    const [first, second] = [ask(), ask()];
    expect(await settle()).toEqual([0, 1]);
    const third = ask();
    expect(await settle()).toEqual([2]);
    (await first).release();
    (await third).release();
    const more = [ask(), ask(), ask()];
    expect((await settle()).sort()).toEqual([0, 2, 3]);
    for (const answer of [second, ...more]) (await answer).release();
  });

  it('are used again after an error without a release', async () => {
    const settle = watched();
    link.fake.answer = () => Promise.reject(new Error('no'));
    for (let i = 0; i < 3; i++) {
      const failed = expect(awaited(link.server.infer, inferenceRequest(), inferenceContext())).rejects.toThrow('no');
      expect(await settle()).toEqual([0]);
      await failed;
    }
  });
});

describe('an answer that cannot be written', () => {
  it('becomes an error, and its bytes are released', async () => {
    link.fake.answer = async (request) => link.fake.respond(request, [unwritable()]);
    const failed = awaited(link.server.infer, inferenceRequest(), inferenceContext());
    await expect(failed).rejects.toMatchObject({ code: 'internal', message: 'no shape' });
    expect(link.fake.unreleased).toBe(0);
  });
});
