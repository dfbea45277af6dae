import { describe, expect, it } from 'vitest';

import { notFound } from '../../src/errors.ts';
import type { Infer } from '../../src/inference/infer.ts';
import { InflightBytes } from '../../src/inference/inflight-bytes.ts';
import type { InferenceRequest } from '../../src/inference/request.ts';
import type { InferenceResponse } from '../../src/inference/response.ts';
import type { ModelControl } from '../../src/lifecycle/model-control.ts';
import { LocalServer } from '../../src/server/local-server.ts';
import type { ServerConfig } from '../../src/server/server-config.ts';
import { awaited } from '../fakes/awaited.ts';
import { fp32, inferenceContext, inferenceRequest } from '../fakes/make-request.ts';

const answer = {} as InferenceResponse;
const answering: Infer = (_request, _context, sink) => sink.next(answer, true);

/** A server of one model that answers everything, with a limit of 16 bytes. */
function serverWith(find: (name: string) => object, inflight = new InflightBytes()): LocalServer {
  const config = { id: 'nereid', version: '0', limits: { maxInflightBytes: 16 } } as unknown as ServerConfig;
  return new LocalServer(config, { find } as unknown as ModelControl, inflight);
}

const infer = (server: LocalServer, request: Partial<InferenceRequest> = {}): Promise<InferenceResponse> =>
  awaited(server.infer, inferenceRequest(request), inferenceContext());

const floats = (count: number) => ({ inputs: [fp32('INPUT', [count, 1], new Array(count).fill(0))] });

describe('the inference of a local server', () => {
  it('is that of the version which serves the model', async () => {
    const server = serverWith(() => ({ infer: answering }));
    await expect(infer(server)).resolves.toBe(answer);
  });

  it('fails the sink and never throws when there is no such model', async () => {
    const server = serverWith((name) => {
      throw notFound(`no '${name}'`);
    });
    await expect(infer(server)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('refuses what would go beyond the limit of bytes in flight', async () => {
    const inflight = new InflightBytes();
    const server = serverWith(() => ({ infer: answering }), inflight);
    inflight.add(12);
    await expect(infer(server, floats(1))).resolves.toBe(answer);
    await expect(infer(server, floats(2))).rejects.toMatchObject({
      code: 'resource_exhausted',
      message: expect.stringContaining('has 12 bytes of requests in flight and takes at most 16, this request has 8'),
    });
    inflight.remove(12);
    await expect(infer(server, floats(2))).resolves.toBe(answer);
  });

  it('takes one request of any size when nothing is in flight', async () => {
    const server = serverWith(() => ({ infer: answering }));
    await expect(infer(server, floats(100))).resolves.toBe(answer);
  });
});
