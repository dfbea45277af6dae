/**
 * A request with several responses over a link whose budget is full for some of them: the model's side of it, and what
 * must be left of it in the end.
 */

import { expect } from 'vitest';
import type { InferenceContext } from '../../../src/inference/context.ts';
import type { ResponseSink } from '../../../src/inference/infer.ts';
import type { InferenceRequest } from '../../../src/inference/request.ts';
import { output } from '../../fakes/fake-inference-server.ts';
import { type LinkFixture, linkFixture } from './link-fixture.ts';

const limitBytes = 4 * 1024 * 1024;
/** More than is always sent, and more than a full budget has left. */
export const refusedBytes = 200_000;

export const crowdedLink = (): LinkFixture => linkFixture(true, limitBytes);

interface Asked {
  readonly request: InferenceRequest;
  readonly context: InferenceContext;
  readonly sink: ResponseSink;
}

export class StreamingModel {
  readonly #link: LinkFixture;
  readonly #asked = new Map<string, Asked>();

  constructor(link: LinkFixture) {
    this.#link = link;
    link.fake.stream = (request, context, sink) => void this.#asked.set(request.id, { request, context, sink });
  }

  /** Resolves with the request of that id when it is there. */
  async asked(id: string): Promise<Asked> {
    await expect.poll(() => this.#asked.has(id)).toBe(true);
    return this.#asked.get(id)!;
  }

  /** Answers with that many bytes, all of the same value. */
  give(id: string, value: number, byteCount = 1, isFinal = false): void {
    const { request, sink } = this.#asked.get(id)!;
    const data = new Uint8Array(byteCount).fill(value);
    const outputs = [output({ name: 'Y', datatype: 'UINT8', shape: [byteCount], data })];
    sink.next(this.#link.fake.respond(request, outputs), isFinal);
  }

  isCancelled(id: string): boolean {
    return this.#asked.get(id)!.context.cancellation.cancelled;
  }

  /** Answers of others have taken all but 100 kB of the budget; the result frees it. */
  fillBudget(): () => void {
    const bytes = limitBytes - 100_000;
    this.#link.budgets.host.add(bytes);
    return () => this.#link.budgets.host.release(bytes);
  }
}

export async function expectNothingLeft({ server, host, fake, budgets }: LinkFixture): Promise<void> {
  await expect
    .poll(() => [server.arena.openCount, host.openAllocations, fake.unreleased, budgets.host.totalBytes])
    .toEqual([0, 0, 0, 0]);
}
