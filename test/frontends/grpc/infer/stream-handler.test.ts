import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type InferenceError, internal, notFound } from '../../../../src/errors.ts';
import type { ResponseSink } from '../../../../src/inference/infer.ts';
import type { InferenceRequest } from '../../../../src/inference/request.ts';
import type { InferenceResponse } from '../../../../src/inference/response.ts';
import { output } from '../../../fakes/fake-inference-server.ts';
import {
  call,
  deferred,
  echoRequest,
  failure,
  openStream,
  type Running,
  startFrontend,
  transportUnderTest,
  until,
} from '../running-frontend.ts';

let running: Running;
beforeEach(async () => {
  running = await startFrontend();
});
afterEach(() => running.stop());

const strict = (): grpc.Metadata => {
  const metadata = new grpc.Metadata();
  metadata.set('triton_grpc_error', 'true');
  return metadata;
};

/** Answers that the test gives one by one, by id of the request. */
function heldAnswers() {
  const held = new Map<string, { request: InferenceRequest } & ReturnType<typeof deferred<InferenceResponse>>>();
  running.server.answer = (request) => {
    const answer = deferred<InferenceResponse>();
    held.set(request.id, { request, ...answer });
    return answer.promise;
  };
  return {
    seen: (count: number) => until(() => held.size === count, `${count} requests`),
    give: (id: string, byteCount = 1) => {
      const { request, resolve } = held.get(id)!;
      const data = new Uint8Array(byteCount);
      resolve(running.server.respond(request, [output({ name: 'Y', datatype: 'UINT8', shape: [byteCount], data })]));
    },
    refuse: (id: string, error: Error) => held.get(id)!.reject(error),
  };
}

describe('ModelStreamInfer', () => {
  it('answers each request once, marked as final, and ends with OK after the half-close', async () => {
    const { stream, messages, ended } = openStream(running.client);
    for (let i = 0; i < 300; i++) stream.write(echoRequest(String(i)));
    stream.end();
    expect(await ended).toMatchObject({ code: 0 });
    expect(messages.map(({ infer_response }) => infer_response.id)).toEqual(messages.map((_, i) => String(i)));
    expect(messages).toHaveLength(300);
    expect(messages[0]).toMatchObject({
      error_message: '',
      infer_response: { parameters: { triton_final_response: { bool_param: true } } },
    });
    expect(running.server.unreleased).toBe(0);
  });

  it('hands requests on without waiting for answers and answers in their order', async () => {
    const answers = heldAnswers();
    const { stream, messages, received, ended } = openStream(running.client);
    for (const id of ['a', 'b', 'c']) stream.write(echoRequest(id));
    await answers.seen(3);
    answers.give('c');
    answers.give('b');
    await until(() => running.server.unreleased === 0, 'early answers are written down and their slabs let go');
    expect(messages).toHaveLength(0);
    answers.give('a');
    await received(3);
    expect(messages.map(({ infer_response }) => infer_response.id)).toEqual(['a', 'b', 'c']);
    stream.end();
    expect((await ended).code).toBe(0);
  });

  it('waits with the end for the answers after a half-close', async () => {
    const answers = heldAnswers();
    const { stream, messages, ended } = openStream(running.client);
    stream.write(echoRequest('a'));
    stream.end();
    await answers.seen(1);
    await new Promise((resolve) => setImmediate(resolve));
    answers.give('a');
    expect((await ended).code).toBe(0);
    expect(messages).toHaveLength(1);
  });

  it('ends at once when nothing was sent', async () => {
    const { stream, ended } = openStream(running.client);
    stream.end();
    expect((await ended).code).toBe(0);
  });

  it('answers a failed request in the stream and goes on', async () => {
    running.server.answer = async (request) => {
      if (request.id === 'unknown') throw notFound(`Request for unknown model: 'x' is not found`);
      if (request.id === 'broken') throw internal('the model failed');
      return running.server.respond(request, []);
    };
    const { stream, messages, ended } = openStream(running.client);
    stream.write(echoRequest('unknown'));
    stream.write({ model_name: 'echo', id: 'shapeless', inputs: [{ name: 'IN', datatype: 'UINT8', shape: [1] }] });
    stream.write(echoRequest('broken'));
    stream.write(echoRequest('good'));
    stream.end();
    expect((await ended).code).toBe(0);
    expect(messages.map(({ error_message }) => error_message)).toEqual([
      `Request for unknown model: 'x' is not found`,
      `unable to find data for input tensor 'IN' for model 'echo' in request.`,
      'the model failed',
      '',
    ]);
    expect(messages[0].infer_response).toMatchObject({ id: 'unknown', model_name: '', parameters: {} });
    expect(messages[1].infer_response.id).toBe('shapeless');
    expect(messages[2].infer_response).toMatchObject({
      id: 'broken',
      model_name: 'echo',
      parameters: { triton_final_response: { bool_param: true } },
    });
    expect(messages[3].infer_response.id).toBe('good');
  });

  it('ends with the status of the first error in strict mode and cancels the rest', async () => {
    const answers = heldAnswers();
    const { stream, messages, ended } = openStream(running.client, strict());
    for (const id of ['a', 'b', 'c']) stream.write(echoRequest(id));
    await answers.seen(3);
    answers.refuse('b', notFound('no b'));
    answers.give('a');
    expect(await ended).toMatchObject({ code: grpc.status.NOT_FOUND, details: 'no b' });
    expect(messages.map(({ infer_response }) => infer_response.id)).toEqual(['a']);
    expect(running.server.seen[2]!.context.cancellation.cancelled).toBe(true);
    answers.give('c');
    await until(() => running.server.unreleased === 0, 'release of what nobody reads');
  });

  it('cancels every request when the caller cancels', async () => {
    const answers = heldAnswers();
    const { stream, ended } = openStream(running.client);
    for (const id of ['a', 'b', 'c']) stream.write(echoRequest(id));
    await answers.seen(3);
    answers.give('b');
    stream.cancel();
    expect((await ended).code).toBe(grpc.status.CANCELLED);
    await until(() => running.server.seen.every(({ context }) => context.cancellation.cancelled), 'cancellation');
    answers.give('a');
    answers.give('c');
    await until(() => running.server.unreleased === 0, 'release');
  });

  it('answers garbage in the stream without an id', async () => {
    const path = '/inference.GRPCInferenceService/ModelStreamInfer';
    const asIs = (bytes: Buffer) => bytes;
    const stream = running.client.makeBidiStreamRequest(path, asIs, asIs);
    const answer = new Promise<Buffer>((resolve) => stream.on('data', resolve));
    stream.write(Buffer.from([0xff]));
    const ended = new Promise((resolve) => stream.on('end', resolve));
    expect(String(await answer)).toContain('Unable to parse request');
    stream.end();
    await ended;
  });
});

describe('a request with several responses', () => {
  const part = (request: InferenceRequest, value: number): InferenceResponse =>
    running.server.respond(request, [output({ name: 'Y', datatype: 'UINT8', shape: [1], data: Uint8Array.of(value) })]);

  /** Sinks by id of the request, for the test to answer through. */
  function heldSinks() {
    const held = new Map<string, { request: InferenceRequest; sink: ResponseSink }>();
    running.server.stream = (request, _context, sink) => void held.set(request.id, { request, sink });
    return {
      seen: (count: number) => until(() => held.size === count, `${count} requests`),
      part: (id: string, value: number) => held.get(id)!.sink.next(part(held.get(id)!.request, value), false),
      last: (id: string, value: number) => held.get(id)!.sink.next(part(held.get(id)!.request, value), true),
      fail: (id: string, error: InferenceError) => held.get(id)!.sink.fail(error),
    };
  }

  const valuesOf = (messages: readonly { infer_response: { id: string; raw_output_contents: Buffer[] } }[]) =>
    messages.map(({ infer_response: { id, raw_output_contents } }) => [id, raw_output_contents[0]?.[0]]);

  it('has them sent as they come, the last one marked as final', async () => {
    const sinks = heldSinks();
    const { stream, messages, received, ended } = openStream(running.client);
    stream.write(echoRequest('a'));
    await sinks.seen(1);
    sinks.part('a', 1);
    await received(1);
    sinks.part('a', 2);
    sinks.last('a', 3);
    stream.end();
    expect((await ended).code).toBe(0);
    expect(valuesOf(messages)).toEqual([
      ['a', 1],
      ['a', 2],
      ['a', 3],
    ]);
    const finals = messages.map(({ infer_response }) => infer_response.parameters.triton_final_response.bool_param);
    expect(finals).toEqual([false, false, true]);
    expect(running.server.unreleased).toBe(0);
  });

  it('waits for no earlier request, and holds up no later one', async () => {
    const sinks = heldSinks();
    const { stream, messages, received, ended } = openStream(running.client);
    for (const id of ['whole', 'parts', 'after']) stream.write(echoRequest(id));
    stream.end();
    await sinks.seen(3);
    sinks.part('parts', 1);
    sinks.last('parts', 2);
    await received(2);
    sinks.last('after', 4);
    sinks.last('whole', 3);
    expect((await ended).code).toBe(0);
    expect(valuesOf(messages)).toEqual([
      ['parts', 1],
      ['parts', 2],
      ['whole', 3],
      ['after', 4],
    ]);
    expect(running.server.unreleased).toBe(0);
  });

  it('may fail after some of them', async () => {
    const sinks = heldSinks();
    const { stream, messages, ended } = openStream(running.client);
    for (const id of ['first', 'parts']) stream.write(echoRequest(id));
    stream.end();
    await sinks.seen(2);
    sinks.part('parts', 1);
    sinks.fail('parts', internal('the model failed'));
    sinks.last('first', 2);
    expect((await ended).code).toBe(0);
    expect(messages.map(({ error_message }) => error_message)).toEqual(['', 'the model failed', '']);
    expect(messages[1].infer_response.parameters).toMatchObject({ triton_final_response: { bool_param: true } });
  });

  it('is refused by ModelInfer, which has one answer', async () => {
    running.server.stream = (request, _context, sink) => {
      sink.next(part(request, 1), false);
      sink.next(part(request, 2), true);
    };
    const refused = await failure(call(running.client, 'ModelInfer', echoRequest('a')));
    expect(refused).toMatchObject({ code: grpc.status.UNIMPLEMENTED });
    expect(refused.details).toContain("doesn't support models with decoupled transaction policy");
    expect(running.server.unreleased).toBe(0);
  });
});

describe('a caller who does not read', () => {
  const responseBytes = 1024 * 1024;

  it('is not read from without end, and gets everything when it reads again', async () => {
    running.server.answer = async (request) =>
      running.server.respond(request, [
        output({ name: 'Y', datatype: 'UINT8', shape: [responseBytes], data: new Uint8Array(responseBytes) }),
      ]);
    const { stream, messages, ended } = openStream(running.client);
    stream.pause();
    const total = 150;
    for (let i = 0; i < total; i++) stream.write(echoRequest(String(i)));
    stream.end();
    await until(() => running.server.seen.length >= 60, 'requests up to the bound');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(running.server.seen.length).toBeLessThan(100);
    // Those of the first 16 MiB are sent from where they lie; later ones are copied.
    expect(running.server.unreleased).toBeLessThanOrEqual(17);
    stream.resume();
    expect((await ended).code).toBe(0);
    expect(messages).toHaveLength(total);
    await until(() => running.server.unreleased === 0, 'the release of all responses');
  });

  it('has at most 1024 requests outstanding', async () => {
    const answers = heldAnswers();
    const { stream, ended } = openStream(running.client);
    const total = 1500;
    for (let i = 0; i < total; i++) stream.write(echoRequest(String(i)));
    stream.end();
    await answers.seen(1024);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(running.server.seen).toHaveLength(1024);
    for (let i = 0; i < 1024; i++) answers.give(String(i));
    await answers.seen(total);
    for (let i = 1024; i < total; i++) answers.give(String(i));
    expect((await ended).code).toBe(0);
  });

  it.runIf(transportUnderTest === 'nereid')('has at most 1024 outstanding on all streams of a connection', async () => {
    const answers = heldAnswers();
    const streams = ['a', 'b'].map((name) => ({ name, ...openStream(running.client) }));
    const idsOf = (name: string) => Array.from({ length: 800 }, (_, i) => `${name}${i}`);
    for (const { name, stream } of streams) {
      for (const id of idsOf(name)) stream.write(echoRequest(id));
      stream.end();
    }
    const { seen } = running.server;
    await until(() => seen.length >= 1024, 'requests up to the bound');
    await new Promise((resolve) => setTimeout(resolve, 50));
    // Each stream may have asked for a message before the last ones came.
    expect(seen.length).toBeLessThanOrEqual(1026);
    const first = seen.length;
    for (const { request } of seen.slice()) answers.give(request.id);
    await answers.seen(1600);
    for (const { request } of seen.slice(first)) answers.give(request.id);
    for (const { ended } of streams) expect((await ended).code).toBe(0);
    for (const { name, messages } of streams) {
      expect(messages.map(({ infer_response }) => infer_response.id)).toEqual(idsOf(name));
    }
  });
});
