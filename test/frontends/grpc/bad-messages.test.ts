/**
 * The corpus of malformed messages that others wrote, as far as a frontend by itself can refuse them: the check
 * whether a request fits its model is behind the fake server, which accepts it. Needs ../shared beside the checkout.
 */

import { existsSync, readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notFound } from '../../../src/errors.ts';
import { unknownModel } from '../../fakes/fake-inference-server.ts';
import { decodeStreamResponse } from './protobuf-oracle.ts';
import { call, echoRequest, type Running, startFrontend } from './running-frontend.ts';

const corpus = fileURLToPath(new URL('../../../../shared/conformance/bad/', import.meta.url));
const manifest = `${corpus}grpc/manifest.json`;

interface Case {
  readonly id: string;
  readonly file: string;
  readonly method: string;
  readonly framed: boolean;
  readonly outcome: string;
  readonly grpc_status: readonly string[];
  readonly note?: string;
  readonly error_in_response_message?: boolean;
}

const statusNames = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS'],
  ...['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED'],
  ...['INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'],
];

/** Refused by admission, the version lookup or the repository, which the fake does not have. */
const needsModel: ReadonlySet<string> = new Set([
  ...['version_word', 'version_negative', 'version_overflow', 'raw_short', 'raw_long', 'contents_short'],
  ...['shape_negative', 'shape_overflow', 'shape_bytes_wrap', 'shape_rank_low', 'shape_dim_wrong', 'batch_differs'],
  ...['datatype_mismatch_size', 'input_extra', 'output_unknown', 'bytes_prefix_past_end', 'bytes_prefix_int_min'],
  ...['bytes_too_few', 'bytes_trailing', 'bytes_contents_count', 'sequence_no_id', 'sequence_id_string_for_int'],
  ...['load_unknown', 'load_config_not_json', 'load_file_without_config', 'load_name_empty'],
]);

/** Shared memory cannot be registered, so a well-formed request for it is answered with UNIMPLEMENTED. */
const leftOut: ReadonlySet<string> = new Set(['shm_register_key_unknown']);

const isThere = existsSync(manifest);
const cases: readonly Case[] = isThere ? JSON.parse(readFileSync(manifest, 'utf8')).cases : [];

let running: Running;
beforeAll(async () => {
  running = await startFrontend();
  const isKnown = (name: string) => /^(simple|identity|accumulate|add_sub)/.test(name);
  running.server.answer = async (request) => {
    if (!isKnown(request.modelName) && request.modelName !== 'echo') throw unknownModel(request.modelName);
    return running.server.respond(request, []);
  };
  running.server.statistics = () => {
    throw notFound('requested model version is not available');
  };
});
afterAll(() => running.stop());

function send({ file, framed, method, note = '' }: Case): Promise<{ status: string; text: string; body: Buffer }> {
  const stored = readFileSync(corpus + file);
  const bytes = file.endsWith('.gz') ? gunzipSync(stored) : stored;
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  const encoding = /grpc-encoding: ([\w-]+)/.exec(note)?.[1];
  const session = http2.connect(`http://127.0.0.1:${running.listening.port}`);
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': method,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(encoding && { 'grpc-encoding': encoding }),
    });
    let status = '';
    let text = '';
    const parts: Buffer[] = [];
    const look = (headers: http2.IncomingHttpHeaders): void => {
      if (headers['grpc-status'] === undefined) return;
      status = statusNames[Number(headers['grpc-status'])]!;
      text = decodeURIComponent(String(headers['grpc-message']));
    };
    stream.on('response', look);
    stream.on('trailers', look);
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('error', reject);
    stream.on('close', () => {
      session.close();
      resolve({ status, text, body: Buffer.concat(parts) });
    });
    stream.end(framed ? bytes : Buffer.concat([prefix, bytes]));
  });
}

describe('the corpus of malformed gRPC messages', () => {
  if (!isThere) console.log(`skipped: there is no ${manifest}`);

  it.runIf(isThere)('has cases', () => {
    expect(cases.length).toBeGreaterThan(50);
  });

  for (const item of cases) {
    it(`${item.id} is answered as it should, and the server goes on`, async () => {
      const { status, text, body } = await send(item);
      if (leftOut.has(item.id)) expect(status).toBe('UNIMPLEMENTED');
      else if (needsModel.has(item.id)) expect(['OK', ...item.grpc_status]).toContain(status);
      else {
        expect([status, text]).toEqual([expect.toBeOneOf([...item.grpc_status]), text]);
        if (item.outcome === 'reject' && item.error_in_response_message) {
          expect(decodeStreamResponse(body.subarray(5)).error_message).toContain('is not found');
        } else if (item.outcome === 'reject') expect(status).not.toBe('OK');
      }
      expect((await call(running.client, 'ModelInfer', echoRequest('after'))).id).toBe('after');
    });
  }
});
