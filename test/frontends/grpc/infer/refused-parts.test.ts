/** A response in the middle of several that the memory budget refuses, behind the link of a frontend thread. */

import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cancelled } from '../../../../src/errors.ts';
import { systemClock } from '../../../../src/time.ts';
import { SharedMessageMemory } from '../../../../src/threads/pages/shared-message-memory.ts';
import type { LinkFixture } from '../../../threads/link/link-fixture.ts';
import { crowdedLink, expectNothingLeft, refusedBytes, StreamingModel } from '../../../threads/link/refused-parts.ts';
import { call, echoRequest, failure, openStream, type Running, startFrontend } from '../running-frontend.ts';

let link: LinkFixture;
let model: StreamingModel;
let running: Running;
beforeEach(async () => {
  link = crowdedLink();
  model = new StreamingModel(link);
  const memory = new SharedMessageMemory(link.server.arena, link.budgets.frontend);
  running = await startFrontend({}, memory, systemClock, link);
});
afterEach(async () => {
  await expectNothingLeft(link);
  running.stop();
  link.close();
});

/** The request gets one response, and its second one is refused. */
async function refuseSecond(id: string, received: Promise<void>): Promise<void> {
  await model.asked(id);
  model.give(id, 1);
  await received;
  const free = model.fillBudget();
  model.give(id, 2, refusedBytes);
  free();
  expect(model.isCancelled(id)).toBe(true);
}

describe('a response that the budget refuses between others', () => {
  it('ends its request in the stream with the reason, and nothing of it comes afterwards', async () => {
    const { stream, messages, received, ended } = openStream(running.client);
    stream.write(echoRequest('parts'));
    await refuseSecond('parts', received(1));
    model.give('parts', 3);
    model.give('parts', 4, 1, true);
    stream.write(echoRequest('next'));
    await model.asked('next');
    model.give('next', 5, refusedBytes, true);
    stream.end();
    expect((await ended).code).toBe(grpc.status.OK);
    expect(
      messages.map(({ infer_response: { id, raw_output_contents } }) => [id, raw_output_contents[0]?.[0]]),
    ).toEqual([
      ['parts', 1],
      ['parts', undefined],
      ['next', 5],
    ]);
    expect(messages.map(({ error_message }) => error_message)).toEqual([
      '',
      expect.stringContaining('--max-inflight-bytes'),
      '',
    ]);
    const finals = messages.map(({ infer_response }) => infer_response.parameters.triton_final_response.bool_param);
    expect(finals).toEqual([false, true, true]);
  });

  it('ends the stream with RESOURCE_EXHAUSTED in strict mode', async () => {
    const strict = new grpc.Metadata();
    strict.set('triton_grpc_error', 'true');
    const { stream, messages, received, ended } = openStream(running.client, strict);
    stream.write(echoRequest('parts'));
    await refuseSecond('parts', received(1));
    (await model.asked('parts')).sink.fail(cancelled('the caller has left'));
    const { code, details } = await ended;
    expect([code, messages.length]).toEqual([grpc.status.RESOURCE_EXHAUSTED, 1]);
    expect(details).toContain('--max-inflight-bytes');
  });

  it('never makes the last response the only one of ModelInfer', async () => {
    const refused = failure(call(running.client, 'ModelInfer', echoRequest('parts')));
    await model.asked('parts');
    const free = model.fillBudget();
    model.give('parts', 1, refusedBytes);
    free();
    model.give('parts', 2, 1, true);
    expect(await refused).toMatchObject({ code: grpc.status.RESOURCE_EXHAUSTED });
  });
});
