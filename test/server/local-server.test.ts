import { describe, expect, it } from 'vitest';

import { invalidArgument, notFound, unavailable } from '../../src/errors.ts';
import type { Infer } from '../../src/inference/infer.ts';
import type { InferenceResponse } from '../../src/inference/response.ts';
import type { ModelControl } from '../../src/lifecycle/model-control.ts';
import { LocalServer } from '../../src/server/local-server.ts';
import type { ServerConfig } from '../../src/server/server-config.ts';
import { awaited } from '../fakes/awaited.ts';
import { inferenceContext, inferenceRequest } from '../fakes/make-request.ts';

const answer = {} as InferenceResponse;
const answering: Infer = (_request, _context, sink) => sink.next(answer, true);

/** A server of one model that answers everything. */
function serverWith(find: (name: string) => object): LocalServer {
  const config = { id: 'nereid', version: '0' } as unknown as ServerConfig;
  return new LocalServer(config, { find } as unknown as ModelControl);
}

const infer = (server: LocalServer): Promise<InferenceResponse> =>
  awaited(server.infer, inferenceRequest({}), inferenceContext());

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
});

describe('the readiness of a model', () => {
  it.each([
    ['unknown', () => notFound('no such model')],
    ['not serving', () => unavailable('not at ready state')],
  ])('is false and no error where it is %s', async (_, failure) => {
    const server = serverWith(() => {
      throw failure();
    });
    await expect(server.isModelReady('m', '')).resolves.toBe(false);
  });

  it('is an error where the version is none', async () => {
    const server = serverWith(() => {
      throw invalidArgument('invalid model version');
    });
    await expect(server.isModelReady('m', 'x')).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('the metadata of the server', () => {
  it('name the extensions that clients look for, and none of a feature that it lacks', async () => {
    const { extensions } = await serverWith(() => ({})).serverMetadata();
    expect(extensions).toContain('model_repository(unload_dependents)');
    expect(extensions.filter((one) => /shared_memory|trace|logging|sequence/.test(one))).toEqual([]);
  });
});
