/** A response of several that the memory budget refuses, behind the link of a frontend thread. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SharedMessageMemory } from '../../../../src/threads/pages/shared-message-memory.ts';
import { type Answer, type HttpFixture, startHttp } from '../../../fakes/http-client.ts';
import type { LinkFixture } from '../../../threads/link/link-fixture.ts';
import { crowdedLink, expectNothingLeft, refusedBytes, StreamingModel } from '../../../threads/link/refused-parts.ts';

let link: LinkFixture;
let model: StreamingModel;
let http: HttpFixture;
beforeEach(async () => {
  link = crowdedLink();
  model = new StreamingModel(link);
  http = await startHttp({ link, memory: new SharedMessageMemory(link.server.arena, link.budgets.frontend) });
});
afterEach(async () => {
  await expectNothingLeft(link);
  http.listening.close();
  link.close();
});

const ask = (id: string): Promise<Answer> =>
  http.infer({ id, inputs: [{ name: 'IN', datatype: 'UINT8', shape: [1], data: [1] }] });

describe('a response that the budget refuses', () => {
  it('as the first of several ends the request with the reason, and the last one is not taken for its answer', async () => {
    const answer = ask('parts');
    await model.asked('parts');
    const free = model.fillBudget();
    model.give('parts', 1, refusedBytes);
    free();
    expect(model.isCancelled('parts')).toBe(true);
    model.give('parts', 2, 1, true);
    const { status, body } = await answer;
    expect(status).toBe(503);
    expect(body.toString()).toContain('--max-inflight-bytes');
  });

  it('after one that was sent changes nothing: several responses are refused, and the next request is answered', async () => {
    const answer = ask('parts');
    await model.asked('parts');
    model.give('parts', 1);
    const free = model.fillBudget();
    model.give('parts', 2, refusedBytes);
    free();
    model.give('parts', 3, 1, true);
    expect((await answer).status).not.toBe(200);
    const next = ask('next');
    await model.asked('next');
    model.give('next', 4, 2, true);
    const { status, body } = await next;
    expect([status, JSON.parse(body.toString()).outputs[0].data]).toEqual([200, [4, 4]]);
  });
});
