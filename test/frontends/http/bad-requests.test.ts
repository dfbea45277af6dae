/**
 * The corpus of malformed requests that others wrote, as bytes on connections, as far as a frontend by itself can
 * refuse them: the check whether a request fits its model is behind the fake server. Needs ../shared beside the
 * checkout.
 */

import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invalidArgument } from '../../../src/errors.ts';
import { unknownModel } from '../../fakes/fake-inference-server.ts';
import { type HttpFixture, startHttp } from '../../fakes/http-client.ts';

const corpus = fileURLToPath(new URL('../../../../shared/conformance/bad/', import.meta.url));
const manifest = `${corpus}http/manifest.json`;

interface Case {
  readonly id: string;
  readonly file: string;
  readonly outcome: 'accept' | 'reject' | 'no_crash';
  readonly strictness?: 'required' | 'preferred';
  readonly http_status: readonly number[];
  readonly client_half_closes?: boolean;
  readonly note?: string;
}

/** Refused by admission or by the repository, which the fake does not have: they have to get that far. */
const needsModel: ReadonlySet<string> = new Set([
  ...['name_unknown', 'shape_rank_low', 'shape_dim_wrong', 'shape_empty', 'shape_rank_2000', 'batch_over_max'],
  ...['datatype_mismatch_fp32', 'datatype_bytes_for_int', 'input_only_one', 'binary_size_above_shape'],
  ...['bytes_prefix_4gb', 'bytes_prefix_big_endian', 'bytes_too_many', 'bytes_empty_payload', 'version_unknown'],
  ...['version_zero', 'version_2e64_plus_1', 'config_unknown_version', 'stats_unknown_model', 'header_length_zero'],
  ...['load_config_not_json', 'load_file_without_config', 'string_number_overflow', 'sequence_id_zero'],
  ...['sequence_end_not_started', 'sequence_control_given'],
]);

const isThere = existsSync(manifest);
if (!isThere) console.warn(`bad requests: skipped, ${manifest} is not there`);
const cases: readonly Case[] = isThere ? JSON.parse(readFileSync(manifest, 'utf8')).cases : [];

/** In a corpus of other cases the list says nothing; there what gets as far as the server is left to it. */
const isListedCorpus = [...needsModel].every((name) => cases.some(({ id }) => id === name));

const bytesOf = (file: string): Buffer => {
  const bytes = readFileSync(corpus + file);
  return file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
};

let http: HttpFixture;
beforeAll(async () => {
  http = await startHttp();
  const { server } = http;
  server.answer = async (request) => {
    if (!/^simple/.test(request.modelName)) throw unknownModel(request.modelName);
    return server.respond(request, []);
  };
  const unknown = (name: string): never => {
    lookups++;
    throw unknownModel(name);
  };
  server.metadata = unknown;
  server.config = unknown;
  server.readyModels = unknown;
  server.statistics = (name) => {
    lookups++;
    throw invalidArgument(`requested model '${name}' is not available`);
  };
});
afterAll(() => http.listening.close());

/** Calls that reached the server, of whatever kind. */
const calls = (): number => http.server.seen.length + http.server.loads.length + lookups;
let lookups = 0;

const status = (text: string): number => Number(/^HTTP\/1\.1 (?!100)(\d{3}) /m.exec(text)?.[1] ?? 0);

/** What comes back until there is a whole answer or the connection ends. */
function exchange(bytes: Buffer, isHalfClosed: boolean): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: http.listening.port, allowHalfOpen: true });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const [, head = '', body = ''] = /(HTTP\/1\.1 (?!100)[\s\S]*?)\r\n\r\n([\s\S]*)$/.exec(text) ?? [];
      if (head !== '' && body.length >= Number(/^content-length: (\d+)/im.exec(head)?.[1])) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(text));
    if (isHalfClosed) socket.end(bytes);
    else socket.write(bytes);
  });
}

describe.skipIf(!isThere)('malformed requests', () => {
  it.each(cases)('$id', async (item) => {
    const callsBefore = calls();
    const text = await exchange(bytesOf(item.file), item.client_half_closes === true);
    const got = status(text);
    const isPassedOn = calls() > callsBefore;
    if (needsModel.has(item.id)) {
      expect(isPassedOn, text.slice(0, 400)).toBe(true);
    } else if (got === 0) {
      expect(item.outcome, 'closed without an answer').toBe('no_crash');
    } else if (isListedCorpus || !isPassedOn) {
      expect(item.http_status, text.slice(0, 400)).toContain(got);
      if (item.outcome === 'reject' && item.strictness === 'required') expect(got).toBeGreaterThanOrEqual(400);
    }
    if (got >= 400) expect(text).toMatch(/\r\n\r\n(\{"error":"|$)/);
    const again = await http.send('POST', '/v2/models/simple/infer', '{"inputs":[]}');
    expect(again.status).toBe(200);
    expect(http.server.unreleased).toBe(0);
  });
});
