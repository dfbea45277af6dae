/**
 * The fixture for tests of the HTTP frontend: a frontend on a free port over a fake server, one request by
 * `node:http`, and the raw bytes of a connection.
 */

import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import type { Listening } from '../../src/frontends/frontend.ts';
import { createHttpFrontend } from '../../src/frontends/http/http-frontend.ts';
import { type MessageMemory, MessagePool } from '../../src/frontends/message-pool.ts';
import { silentLogger } from '../../src/logger.ts';
import type { HttpConfig } from '../../src/server/server-config.ts';
import { type Clock, systemClock } from '../../src/time.ts';
import type { LinkFixture } from '../threads/link/link-fixture.ts';
import { FakeInferenceServer } from './fake-inference-server.ts';

export const transportUnderTest = (process.env.HTTP_TRANSPORT ?? 'nereid') as HttpConfig['transport'];

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpFixture {
  readonly server: FakeInferenceServer;
  readonly listening: Listening;
  send(method: string, path: string, body?: string | Buffer, headers?: Record<string, string>): Promise<Answer>;
  infer(body: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Sends the bytes on a connection of their own and resolves with all that came back when it has ended. */
  raw(bytes: string | Buffer): Promise<string>;
}

export interface FixtureOptions {
  readonly maxInputBytes?: number;
  readonly port?: number;
  readonly isExiting?: () => boolean;
  readonly headerForwardPattern?: RegExp | null;
  readonly memory?: MessageMemory;
  readonly clock?: Clock;
  readonly restrictions?: HttpConfig['restrictions'];
  /** Absent means that the fake server is in the thread of the frontend. */
  readonly link?: LinkFixture;
  /** Absent means the one that this run of the tests is for. */
  readonly transport?: HttpConfig['transport'];
}

export async function startHttp(options: FixtureOptions = {}): Promise<HttpFixture> {
  const { link } = options;
  const server = link?.fake ?? new FakeInferenceServer();
  const { maxInputBytes = 2 ** 26, port = 0, isExiting = () => false, headerForwardPattern = null } = options;
  const { memory = new MessagePool(), transport = transportUnderTest, restrictions = [] } = options;
  const { clock = systemClock } = options;
  const listening = await createHttpFrontend({
    server: link?.server ?? server,
    clock,
    logger: silentLogger,
    config: { listen: { host: '127.0.0.1', port }, transport, maxInputBytes, headerForwardPattern, restrictions },
    isExiting,
    memory,
  }).start();
  const send: HttpFixture['send'] = (method, path, body, headers = {}) =>
    sendOnce(listening.port, new Agent(), method, path, body, headers);
  return {
    server,
    listening,
    send,
    infer: (body, headers) => {
      const isBytes = typeof body === 'string' || Buffer.isBuffer(body);
      return send('POST', '/v2/models/echo/infer', isBytes ? body : JSON.stringify(body), headers);
    },
    raw: (bytes) => exchangeRaw(listening.port, bytes),
  };
}

export function sendOnce(
  port: number,
  agent: Agent,
  method: string,
  path: string,
  body: string | Buffer = '',
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = method === 'GET' || method === 'HEAD' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const options = { host: '127.0.0.1', port, agent, method, path, headers: { ...length, ...headers } };
    const request = httpRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Half-closes after the bytes, as a client does that has nothing more to say. */
export function exchangeRaw(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(text));
    socket.on('end', () => socket.end());
    socket.end(bytes);
  });
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every form
export const json = (answer: Answer): any => JSON.parse(answer.body.toString());

export const tensor = (datatype: string, data: readonly unknown[], shape: readonly number[] = [data.length]) => ({
  inputs: [{ name: 'IN', datatype, shape, data }],
});
