import { randomBytes } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deadlineExceeded, internal, resourceExhausted, unavailable } from '../../../../src/errors.ts';
import type { InferenceResponse } from '../../../../src/inference/response.ts';
import { systemClock } from '../../../../src/time.ts';
import { output } from '../../../fakes/fake-inference-server.ts';
import { call, deferred, echoRequest, failure, type Running, startFrontend, until } from '../running-frontend.ts';

let running: Running;
beforeEach(async () => {
  running = await startFrontend();
});
afterEach(() => running.stop());

const infer = (request: object, options = {}) => call(running.client, 'ModelInfer', request, options);

describe('ModelInfer', () => {
  it('answers with the outputs as raw entries and releases the response', async () => {
    const response = await infer(echoRequest('42'));
    expect(response).toMatchObject({ model_name: 'echo', model_version: '1', id: '42' });
    expect(response.outputs).toMatchObject([{ name: 'IN', datatype: 'UINT8', shape: ['4'], contents: null }]);
    expect(response.raw_output_contents).toEqual([Buffer.from([1, 2, 3, 4])]);
    expect(running.server.unreleased).toBe(0);
  });

  it('carries tensors of eight megabytes both ways', async () => {
    const data = randomBytes(8 * 1024 * 1024);
    const { raw_output_contents } = await infer(echoRequest('big', data));
    expect(data.equals(raw_output_contents[0])).toBe(true);
  });

  it('answers many calls at once, each with its own', async () => {
    const ids = Array.from({ length: 200 }, (_, i) => String(i));
    const answers = await Promise.all(ids.map((id) => infer(echoRequest(id, Buffer.from(id)))));
    expect(answers.map(({ id, raw_output_contents }) => [id, String(raw_output_contents[0])])).toEqual(
      ids.map((id) => [id, id]),
    );
    expect(running.server.unreleased).toBe(0);
  });

  it('sends the text of an error unchanged, for any characters', async () => {
    running.server.answer = () => Promise.reject(unavailable(`100 % größer\nals \ud800 'm'`));
    const { code, details } = await failure(infer(echoRequest('')));
    expect(code).toBe(grpc.status.UNAVAILABLE);
    expect(details).toBe(`100 % größer\nals \ufffd 'm'`);
  });

  it('maps each error code to its status', async () => {
    const cases = [
      [resourceExhausted('a'), grpc.status.RESOURCE_EXHAUSTED],
      [deadlineExceeded('b'), grpc.status.DEADLINE_EXCEEDED],
      [internal('c'), grpc.status.INTERNAL],
      [new TypeError('d'), grpc.status.INTERNAL],
    ] as const;
    for (const [error, status] of cases) {
      running.server.answer = () => Promise.reject(error);
      expect((await failure(infer(echoRequest('')))).code).toBe(status);
    }
  });

  it('cuts a very long error text so that clients can take the header', async () => {
    running.server.answer = () => Promise.reject(internal('ü'.repeat(100_000)));
    const { details } = await failure(infer(echoRequest('')));
    expect(details).toMatch(/^ü{500,}…$/);
  });

  it('refuses malformed bytes as an invalid argument', async () => {
    const path = '/inference.GRPCInferenceService/ModelInfer';
    const asIs = (bytes: Buffer) => bytes;
    const answer = new Promise((resolve, reject) => {
      running.client.makeUnaryRequest(path, asIs, asIs, Buffer.from([0x80]), (error: Error | null) =>
        error === null ? resolve(null) : reject(error),
      );
    });
    const { code, details } = await failure(answer);
    expect(code).toBe(grpc.status.INVALID_ARGUMENT);
    expect(details).toContain('Unable to parse request');
  });

  it('tells the server of the deadline of the call', async () => {
    await infer(echoRequest(''), { deadline: Date.now() + 50_000 });
    const leftMs = running.server.last.context.deadlineMs - systemClock.now();
    expect(leftMs).toBeGreaterThan(20_000);
    expect(leftMs).toBeLessThan(50_001);
    await infer(echoRequest(''));
    expect(running.server.last.context.deadlineMs).toBe(Infinity);
  });

  it('ignores a deadline beyond the longest timer', async () => {
    running.server.answer = (request) =>
      new Promise((resolve) => setTimeout(() => resolve(running.server.respond(request, [])), 30));
    for (const days of [25, 30, 400]) {
      expect((await infer(echoRequest('far'), { deadline: Date.now() + days * 86_400_000 })).id).toBe('far');
      expect(running.server.last.context.deadlineMs).toBe(Infinity);
    }
  });

  it('cancels the request when the deadline passes and releases a late response', async () => {
    const late = deferred<InferenceResponse>();
    running.server.answer = () => late.promise;
    const { code } = await failure(infer(echoRequest(''), { deadline: Date.now() + 50 }));
    expect(code).toBe(grpc.status.DEADLINE_EXCEEDED);
    const { request, context } = running.server.last;
    await until(() => context.cancellation.cancelled, 'cancellation');
    late.resolve(running.server.respond(request, []));
    await until(() => running.server.unreleased === 0, 'release');
  });

  it('cancels the request when the caller cancels or its connection breaks', async () => {
    running.server.answer = () => new Promise(() => undefined);
    const cancelled = running.client.ModelInfer(echoRequest('a'), () => undefined);
    await until(() => running.server.seen.length === 1, 'first request');
    cancelled.cancel();
    await until(() => running.server.seen[0]!.context.cancellation.cancelled, 'cancellation by the caller');
    const other = running.connect();
    const answer = failure(call(other, 'ModelInfer', echoRequest('b')));
    await until(() => running.server.seen.length === 2, 'second request');
    other.close();
    running.listening.close();
    await until(() => running.server.seen[1]!.context.cancellation.cancelled, 'cancellation by disconnect');
    expect((await answer).code).not.toBe(0);
  });

  it('does not cancel a request that it has answered', async () => {
    await infer(echoRequest(''));
    await new Promise((resolve) => setImmediate(resolve));
    expect(running.server.last.context.cancellation.cancelled).toBe(false);
  });

  it('classifies outputs that ask for it', async () => {
    const request = {
      model_name: 'echo',
      inputs: [{ name: 'IN', datatype: 'FP32', shape: [3], contents: { fp32_contents: [0.25, 1, 0.5] } }],
      outputs: [{ name: 'IN', parameters: { classification: { int64_param: 2 } } }],
    };
    running.server.answer = async (seen) =>
      running.server.respond(seen, [output(seen.inputs[0]!, seen.outputs[0]!.classificationCount, ['a', 'b', 'c'])]);
    const { outputs, raw_output_contents } = await infer(request);
    expect(outputs).toMatchObject([{ datatype: 'BYTES', shape: ['2'] }]);
    expect(String(raw_output_contents[0])).toContain('1.000000:1:b');
    expect(running.server.unreleased).toBe(0);
  });
});

describe('limits', () => {
  it('refuse a response that is larger than a message may be', async () => {
    const small = await startFrontend({ maxMessageBytes: 1000 });
    small.server.answer = async (request) =>
      small.server.respond(request, [
        output({ name: 'Y', datatype: 'UINT8', shape: [2000], data: new Uint8Array(2000) }),
      ]);
    const { code, details } = await failure(call(small.client, 'ModelInfer', echoRequest('')));
    expect(code).toBe(grpc.status.INVALID_ARGUMENT);
    expect(details).toMatch(/^Response has byte size 20\d\d which exceeds gRPC's byte size limit 1000\.$/);
    expect(small.server.unreleased).toBe(0);
    small.stop();
  });

  it('refuse a request that is larger than a message may be', async () => {
    const small = await startFrontend({ maxMessageBytes: 1000 });
    const { code } = await failure(call(small.client, 'ModelInfer', echoRequest('', new Uint8Array(2000))));
    expect(code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    small.stop();
  });

  it('on metadata harm only the call that exceeds them', async () => {
    const metadata = new grpc.Metadata();
    metadata.set('x-large', 'x'.repeat(200_000));
    expect((await failure(infer(echoRequest(''), { metadata }))).code).not.toBe(0);
    expect((await infer(echoRequest('after'))).id).toBe('after');
  });
});

describe('header forwarding', () => {
  const withHeader = (name: string) => {
    const metadata = new grpc.Metadata();
    metadata.set(name, 'v');
    return { metadata };
  };

  it('makes matching metadata custom parameters', async () => {
    const forwarding = await startFrontend({ headerForwardPattern: /TENANT|priority/i });
    await call(forwarding.client, 'ModelInfer', echoRequest(''), withHeader('x-tenant-id'));
    expect([...forwarding.server.last.request.parameters]).toEqual([['x-tenant-id', 'v']]);
    const { code, details } = await failure(
      call(forwarding.client, 'ModelInfer', echoRequest(''), withHeader('priority')),
    );
    expect(code).toBe(grpc.status.INVALID_ARGUMENT);
    expect(details).toBe(`Header 'priority' is reserved for Triton usage and cannot be forwarded.`);
    forwarding.stop();
  });

  it('is off without a pattern', async () => {
    await infer(echoRequest(''), withHeader('x-tenant-id'));
    expect(running.server.last.request.parameters.size).toBe(0);
  });
});
