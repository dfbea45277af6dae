/**
 * The server's resident memory while large messages come and go in every way that they can: answered, refused,
 * compressed, given up half way. The memory of one round has to be reused by the next: over many rounds the process
 * grows by only a small part of the bytes that went through it.
 */

import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { versionedModel } from '../models/versioned-model.ts';
import { residentBytes } from './bystander.ts';
import { frontendThreadCounts, frontendThreads } from './frontend-thread-counts.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

const mib = 2 ** 20;

/** Of garbage that V8 lets wait, allocators that keep some, and what waits in each thread for its next use. */
const allowedMiB = (threads: number): number => 64 + 16 * threads;
/** What goes through the server once it has settled: several times what is allowed, so that keeping it cannot hide. */
const movedMiB = 320;
const settlingMiB = 100;
const timeoutMs = 300_000;

/** FP32 [rows, 4]. */
const rowBytes = 16;
const large = { bytes: 20 * mib, tensor: Buffer.alloc(20 * mib) };
const small = { bytes: mib, tensor: Buffer.alloc(mib) };

/** Varint of protobuf. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  bytes.push(left);
  return bytes;
}

const field = (number: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes]);

/** `ModelInferRequest` with one raw tensor. */
function inferMessage(model: string, rows: number, tensor: Buffer): Buffer {
  const shape = field(3, Buffer.from([...varint(rows), 4]));
  const input = field(5, Buffer.concat([field(1, Buffer.from('INPUT')), field(2, Buffer.from('FP32')), shape]));
  return Buffer.concat([field(1, Buffer.from(model)), input, field(7, tensor)]);
}

const framed = (message: Buffer, flag = 0): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
};

/** JSON that announces a binary tensor, and the tensor. */
function binaryBody(rows: number, tensor: Buffer): { body: Buffer; jsonBytes: number } {
  const input = {
    name: 'INPUT',
    datatype: 'FP32',
    shape: [rows, 4],
    parameters: { binary_data_size: tensor.length },
  };
  const json = Buffer.from(JSON.stringify({ inputs: [input], parameters: { binary_data_output: true } }));
  return { body: Buffer.concat([json, tensor]), jsonBytes: json.length };
}

interface Caller {
  /** Resolves to the status: of HTTP, or of gRPC. */
  http(model: string, body: Buffer, headers?: Record<string, string | number>): Promise<number>;
  grpc(framedMessage: Buffer, headers?: Record<string, string>): Promise<number>;
  /** Sends the beginning of a request of `announced` bytes, and leaves. */
  giveUpHttp(announced: number, sent: Buffer): Promise<void>;
  giveUpGrpc(announced: number, sent: Buffer): Promise<void>;
  close(): void;
}

function callerOf(server: ServerProcess): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const session = connectHttp2(`http://127.0.0.1:${server.ports.grpc}`);
  session.on('error', () => undefined);
  const grpcHead = (more: Record<string, string>) => ({
    ':method': 'POST',
    ':path': '/inference.GRPCInferenceService/ModelInfer',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...more,
  });
  const httpPath = (model: string) => `/v2/models/${model}/infer`;
  return {
    http: (model, body, headers = {}) =>
      new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port: server.ports.http, method: 'POST', path: httpPath(model), agent };
        const call = request({ ...options, headers: { 'content-length': body.length, ...headers } }, (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
        });
        call.on('error', reject);
        call.end(body);
      }),
    grpc: (framedMessage, headers = {}) =>
      new Promise((resolve, reject) => {
        const call = session.request(grpcHead(headers));
        let status = -1;
        const read = (fields: Record<string, unknown>) => {
          if (fields['grpc-status'] !== undefined) status = Number(fields['grpc-status']);
        };
        call.on('response', read);
        call.on('trailers', read);
        call.on('error', reject);
        call.on('close', () => resolve(status));
        call.resume();
        call.end(framedMessage);
      }),
    async giveUpHttp(announced, sent) {
      const socket = connect({ port: server.ports.http, host: '127.0.0.1' });
      await once(socket, 'connect');
      socket.write(`POST ${httpPath('adder')} HTTP/1.1\r\nHost: x\r\nContent-Length: ${announced}\r\n`);
      socket.write('Inference-Header-Content-Length: 100\r\n\r\n');
      await new Promise((resolve) => socket.write(sent, resolve));
      socket.resetAndDestroy();
    },
    async giveUpGrpc(announced, sent) {
      const call = session.request(grpcHead({}));
      call.on('error', () => undefined);
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(announced, 1);
      await new Promise((resolve) => call.write(Buffer.concat([prefix, sent]), resolve));
      const closed = once(call, 'close');
      call.close(8);
      await closed;
    },
    close() {
      agent.destroy();
      session.destroy();
    },
  };
}

/** One way in which messages come and go: what a round moves, and what its answer has to be. */
interface Way {
  readonly name: string;
  readonly bytes: number;
  round(caller: Caller): Promise<unknown>;
  readonly expected?: number;
  /** More where only a part of what is moved could stay. */
  readonly movedMiB?: number;
}

const rowsOf = (bytes: number): number => bytes / rowBytes;
const largeBinary = binaryBody(rowsOf(large.bytes), large.tensor);
const smallBinary = binaryBody(rowsOf(small.bytes), small.tensor);
const mismatched = binaryBody(rowsOf(small.bytes) + 1, small.tensor);
const largeMessage = framed(inferMessage('adder', rowsOf(large.bytes), large.tensor));
const brokenJson = Buffer.from(`{"inputs":[{"name":"INPUT","data":[${'1,'.repeat(mib / 2)}`);
const zipped = gzipSync(largeBinary.body, { level: 1 });
/** Compresses to nearly its size, so that the compressed message lies in memory for large ones. */
const noise = Buffer.from(Uint32Array.from({ length: small.bytes / 4 }, (_, i) => Math.imul(i, 2654435761)).buffer);
const smallMessage = inferMessage('adder', rowsOf(small.bytes), noise);
const zippedMessage = framed(gzipSync(smallMessage, { level: 1 }), 1);
const damagedMessage = framed(gzipSync(smallMessage, { level: 1 }).fill(7, 1000, 2000), 1);
const half = Buffer.alloc(24 * mib);

const jsonLength = (jsonBytes: number) => ({ 'inference-header-content-length': jsonBytes });
const gzipped = { 'grpc-encoding': 'gzip' };

const ways: readonly Way[] = [
  {
    name: 'good HTTP requests of 20 MB',
    bytes: large.bytes,
    round: (caller) => caller.http('adder', largeBinary.body, jsonLength(largeBinary.jsonBytes)),
    expected: 200,
    movedMiB: 960,
  },
  {
    name: 'good gRPC calls of 20 MB',
    bytes: large.bytes,
    round: (caller) => caller.grpc(largeMessage),
    expected: 0,
    movedMiB: 960,
  },
  {
    name: 'HTTP requests for an unknown model',
    bytes: small.bytes,
    round: (caller) => caller.http('nobody', smallBinary.body, jsonLength(smallBinary.jsonBytes)),
    expected: 404,
  },
  {
    name: 'gRPC calls for an unknown model',
    bytes: small.bytes,
    round: (caller) => caller.grpc(framed(inferMessage('nobody', rowsOf(small.bytes), small.tensor))),
    expected: 5,
  },
  {
    name: 'HTTP requests whose tensor is too short',
    bytes: small.bytes,
    round: (caller) => caller.http('adder', mismatched.body, jsonLength(mismatched.jsonBytes)),
    expected: 400,
  },
  {
    name: 'gRPC calls whose tensor is too short',
    bytes: small.bytes,
    round: (caller) => caller.grpc(framed(inferMessage('adder', rowsOf(small.bytes) + 1, small.tensor))),
    expected: 3,
  },
  {
    name: 'HTTP requests of broken JSON',
    bytes: brokenJson.length,
    round: (caller) => caller.http('adder', brokenJson),
    expected: 400,
  },
  {
    name: 'gRPC calls that are no protobuf',
    bytes: small.bytes,
    round: (caller) => caller.grpc(framed(Buffer.alloc(small.bytes, 255))),
    expected: 3,
  },
  {
    name: 'gzipped HTTP requests',
    bytes: large.bytes,
    round: (caller) =>
      caller.http('adder', zipped, { ...jsonLength(largeBinary.jsonBytes), 'content-encoding': 'gzip' }),
    expected: 200,
  },
  {
    name: 'gzipped gRPC calls',
    bytes: small.bytes,
    round: (caller) => caller.grpc(zippedMessage, gzipped),
    expected: 0,
  },
  {
    name: 'gRPC calls of damaged gzip',
    bytes: small.bytes,
    round: (caller) => caller.grpc(damagedMessage, gzipped),
    expected: 13,
  },
  {
    name: 'HTTP uploads given up at 24 of 48 MB',
    bytes: half.length,
    round: (caller) => caller.giveUpHttp(half.length * 2, half),
  },
  {
    name: 'gRPC uploads given up at 24 of 48 MB',
    bytes: half.length,
    round: (caller) => caller.giveUpGrpc(half.length * 2, half),
  },
  {
    name: 'HTTP uploads given up at 1 of 2 MB',
    bytes: small.bytes,
    round: (caller) => caller.giveUpHttp(small.bytes * 2, small.tensor),
  },
  {
    name: 'gRPC uploads given up at 1 of 2 MB',
    bytes: small.bytes,
    round: (caller) => caller.giveUpGrpc(small.bytes * 2, small.tensor),
  },
];

async function move(way: Way, caller: Caller, totalMiB: number): Promise<void> {
  for (let left = Math.ceil((totalMiB * mib) / way.bytes); left > 0; left--) {
    const status = await way.round(caller);
    if (way.expected !== undefined && status !== way.expected) {
      throw new Error(`${way.name}: expected the status ${way.expected}, got ${status}`);
    }
  }
}

describe.each(frontendThreadCounts('2'))('resident memory with %d frontend threads', (threads) => {
  let server: ServerProcess;
  let dispose: () => Promise<void>;

  beforeAll(async () => {
    const folder = await temporaryFolder();
    dispose = folder.dispose;
    await mkdir(join(folder.path, 'adder', '1'), { recursive: true });
    await writeFile(join(folder.path, 'adder', '1', 'model.onnx'), versionedModel(1));
    await writeFile(join(folder.path, 'adder', 'config.pbtxt'), 'max_batch_size: 0\n');
    server = await ServerProcess.start(folder.path, [frontendThreads(threads)]);
  });

  afterAll(async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    await dispose();
  });

  it.each(ways)('stays flat: $name', { timeout: timeoutMs }, async (way) => {
    const caller = callerOf(server);
    try {
      await move(way, caller, settlingMiB);
      const settled = residentBytes(server.pid);
      await move(way, caller, way.movedMiB ?? movedMiB);
      expect((residentBytes(server.pid) - settled) / mib).toBeLessThan(allowedMiB(threads));
    } finally {
      caller.close();
    }
  });
});
