/** Outputs that the engine writes into pages of a link: they cross without another copy, and come back once. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutputMemory } from '../../../src/inference/output-memory.ts';
import type { InferenceRequest } from '../../../src/inference/request.ts';
import type { InferenceResponse } from '../../../src/inference/response.ts';
import { hostBytes, type RegionBytes } from '../../../src/tensor/tensor-bytes.ts';
import { awaited } from '../../fakes/awaited.ts';
import { output } from '../../fakes/fake-inference-server.ts';
import { inferenceContext, inferenceRequest, tensor } from '../../fakes/make-request.ts';
import { deferred, type LinkFixture, linkFixture } from './link-fixture.ts';

let link: LinkFixture;
beforeEach(() => {
  link = linkFixture();
});
afterEach(() => link.close());

const outputBytes = 100_000;

/** A response whose output lies in memory of its caller, as a scheduler makes it. */
function respondIn(memory: OutputMemory, taken: RegionBytes, request: InferenceRequest): InferenceResponse {
  const response = link.fake.respond(request, [output(tensor('OUT', 'UINT8', [taken.length], taken))]);
  return {
    ...response,
    release() {
      response.release();
      memory.release(taken);
    },
  };
}

/** The server's side: takes memory at the start of a run and fills it. */
function fill(memory: OutputMemory | undefined, byte: number, bytes = outputBytes): RegionBytes {
  const taken = memory?.take(bytes);
  if (memory === undefined || taken === undefined || taken === null) throw new Error('there is no memory');
  taken.view().fill(byte);
  return taken;
}

const ask = (id = 'a'): Promise<InferenceResponse> =>
  awaited(
    link.server.infer,
    inferenceRequest({ id, inputs: [tensor('IN', 'UINT8', [4], new Uint8Array(4))] }),
    inferenceContext(),
  );

async function expectNothingOpen(): Promise<void> {
  await link.settle();
  expect([link.server.arena.openCount, link.host.openAllocations, link.fake.unreleased]).toEqual([0, 0, 0]);
  expect([link.budgets.host.totalBytes, link.budgets.frontend.totalBytes]).toEqual([0, 0]);
}

describe('outputs in pages of a link', () => {
  it('are read where they were written', async () => {
    let taken: RegionBytes | null = null;
    link.fake.answer = async (request, { outputMemory }) => {
      taken = fill(outputMemory, 5);
      return respondIn(outputMemory!, taken, request);
    };
    const response = await ask();
    const { data } = response.outputs[0];
    expect(hostBytes(data).every((byte) => byte === 5)).toBe(true);
    // The frontend looks at the same memory.
    taken!.view()[7] = 77;
    expect(hostBytes(data)[7]).toBe(77);
    response.release();
    await expectNothingOpen();
  });

  it('are not written over while they are read', async () => {
    let next = 1;
    link.fake.answer = async (request, { outputMemory }) =>
      respondIn(outputMemory!, fill(outputMemory, next++), request);
    const held = [await ask(), await ask(), await ask()];
    for (let i = 0; i < 20; i++) (await ask()).release();
    for (const [i, { outputs, release }] of held.entries()) {
      expect(hostBytes(outputs[0].data).every((byte) => byte === i + 1)).toBe(true);
      release();
    }
    await expectNothingOpen();
  });

  it('count once in the account while the batch runs, and not at all when nothing came of it', async () => {
    const end = deferred<void>();
    link.fake.answer = async (_request, { outputMemory }) => {
      const taken = fill(outputMemory, 1);
      await end.promise;
      outputMemory?.release(taken);
      throw new Error('no');
    };
    const failed = expect(ask()).rejects.toThrow('no');
    await link.settle();
    const before = link.budgets.host.totalBytes;
    expect([before >= outputBytes, before < outputBytes * 2]).toEqual([true, true]);
    end.resolve();
    await failed;
    await expectNothingOpen();
  });

  it('have no memory when the budget has none, nor when the thread has ended', async () => {
    link.close();
    link = linkFixture(true, 150_000);
    const memories: OutputMemory[] = [];
    link.fake.answer = async (request, { outputMemory }) => {
      memories.push(outputMemory!);
      return link.fake.respond(request, []);
    };
    (await ask()).release();
    await link.settle();
    const [memory] = memories;
    const taken = memory.take(100_000);
    expect(memory.take(100_000)).toBeNull();
    memory.release(taken!);
    expect(link.budgets.host.totalBytes).toBe(0);
    link.host.threadEnded();
    expect(memory.take(100_000)).toBeNull();
  });

  it('that are still written when the thread ends leave the account at once, and the page when the run is over', async () => {
    const end = deferred<void>();
    link.fake.answer = async (request, { outputMemory }) => {
      const taken = fill(outputMemory, 1);
      await end.promise;
      return respondIn(outputMemory!, taken, request);
    };
    ask().catch(() => undefined);
    await link.settle();
    link.host.threadEnded();
    expect([link.budgets.host.totalBytes, link.host.openAllocations]).toEqual([0, 1]);
    end.resolve();
    await link.settle();
    expect([link.budgets.host.totalBytes, link.host.openAllocations, link.fake.unreleased]).toEqual([0, 0, 0]);
  });
});
