/** Answers to connections that do not read are refused before they are copied, and those to others are not. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionAccount } from '../../../src/inference/connection-accounts.ts';
import { awaited } from '../../fakes/awaited.ts';
import { output } from '../../fakes/fake-inference-server.ts';
import { inferenceContext, inferenceRequest, tensor } from '../../fakes/make-request.ts';
import { type LinkFixture, linkFixture } from './link-fixture.ts';

const MiB = 2 ** 20;
const limitBytes = 32 * MiB;
const answerBytes = MiB;

let link: LinkFixture;
beforeEach(() => {
  link = linkFixture(true, limitBytes);
  link.fake.answer = async (request) =>
    link.fake.respond(request, [output(tensor('OUT', 'UINT8', [answerBytes], new Uint8Array(answerBytes)))]);
});
afterEach(() => link.close());

interface Held {
  /** The client has read it. */
  read(): void;
}

/**
 * Answers of so many requests that arrive at once, in the hands of a transport whose client does not read.
 *
 * @param account Null where no connection is known.
 */
async function burst(count: number, account: ConnectionAccount | null): Promise<Held[]> {
  const connection = account?.number ?? 0;
  const ask = async (): Promise<Held> => {
    const { release } = await awaited(link.server.infer, inferenceRequest(), inferenceContext({ connection }));
    const add = (bytes: number): void => (account === null ? link.budgets.frontend.add(bytes) : account.add(bytes));
    add(answerBytes);
    return {
      read() {
        add(-answerBytes);
        release();
      },
    };
  };
  const all = await Promise.allSettled(Array.from({ length: count }, ask));
  const refused = all.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'resource_exhausted' });
  return all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}

async function expectNothingOpen(): Promise<void> {
  await link.settle();
  expect([link.budgets.host.totalBytes, link.budgets.frontend.totalBytes]).toEqual([0, 0]);
  expect(link.fake.unreleased).toBe(0);
}

describe('answers on their way to a connection that does not read', () => {
  it('have at most its share of the memory, however many come at once', async () => {
    const [one, other] = [link.budgets.frontend.openConnection(), link.budgets.frontend.openConnection()];
    const held = await burst(60, one);
    expect(held.length, 'the share of one is half of three quarters').toBe((limitBytes * 0.75) / 2 / answerBytes);
    const others = await burst(4, other);
    expect(others.length, 'answers of another connection').toBe(4);
    for (const { read } of [...held, ...others]) read();
    await expectNothingOpen();
    const again = await burst(4, one);
    expect(again.length, 'once the first one has read').toBe(4);
    for (const { read } of again) read();
    await expectNothingOpen();
  });

  it('are counted together with those that wait in the other thread', async () => {
    const one = link.budgets.frontend.openConnection();
    one.add(11 * MiB);
    const held = await burst(20, one);
    expect(held.length).toBe(1);
    one.add(-11 * MiB);
    const more = await burst(20, one);
    expect(more.length).toBe(11);
    for (const { read } of [...held, ...more]) read();
    await expectNothingOpen();
  });

  it('are bounded by the memory alone where no connection is known', async () => {
    const held = await burst(60, null);
    expect(held.length).toBeGreaterThan((limitBytes * 0.75) / answerBytes);
    for (const { read } of held) read();
    await expectNothingOpen();
  });
});
