/** Memory of gRPC calls is counted, bounded, and released however they end. */

import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type * as grpc from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MessagePool } from '../../../src/frontends/message-pool.ts';
import { MemoryBudget } from '../../../src/inference/memory-budget.ts';
import type { InferenceResponse } from '../../../src/inference/response.ts';
import {
  data,
  field,
  frameFlag,
  grpcMessage,
  headers,
  preface,
  requestBlock,
  setting,
  settings,
  windowUpdate,
} from '../../http2/frame-bytes.ts';
import { output } from '../../fakes/fake-inference-server.ts';
import { tensor } from '../../fakes/make-request.ts';
import {
  call,
  echoRequest,
  failure,
  openStream,
  type Running,
  startFrontend,
  transportUnderTest,
} from './running-frontend.ts';

const MiB = 1024 * 1024;
const inferPath = '/inference.GRPCInferenceService/ModelInfer';
const streamPath = '/inference.GRPCInferenceService/ModelStreamInfer';

let running: Running;
let budget: MemoryBudget;
const sockets: Socket[] = [];

beforeEach(async () => {
  budget = new MemoryBudget(8 * MiB);
  running = await startFrontend({}, new MessagePool(null, budget));
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await expect.poll(() => budget.totalBytes).toBe(0);
  running.stop();
});

/** A connection that says the bytes and reads its answers. */
function say(...parts: readonly Uint8Array[]): Socket {
  const socket = connect(running.listening.port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.resume();
  socket.write(Buffer.concat([preface, settings(), ...parts]));
  return socket;
}

function* frames(id: number, message: Buffer, isLast = true): Generator<Buffer> {
  for (let at = 0; at < message.length; at += 16_384) {
    const isEnd = isLast && at + 16_384 >= message.length;
    yield data(id, message.subarray(at, at + 16_384), isEnd ? frameFlag.endStream : frameFlag.none);
  }
}

/** A connection that says the bytes and is gone in the next turn. */
async function sayAndLeave(...parts: readonly Uint8Array[]): Promise<void> {
  const socket = say(...parts);
  await expect.poll(() => socket.bytesRead).toBeGreaterThan(0);
  socket.destroy();
}

const isOwn = transportUnderTest === 'nereid';

describe.runIf(isOwn)('the headers of a gRPC call', () => {
  const longBlock = (path: string): Buffer =>
    requestBlock(path, ...Array.from({ length: 3 }, (_, i) => field(`x-${i}`, 'v'.repeat(4000))));

  it.each([inferPath, streamPath])('are counted while it is open: %s', async (path) => {
    say(headers(1, longBlock(path)));
    await expect.poll(() => budget.totalBytes).toBeGreaterThan(12_000);
    expect(budget.totalBytes).toBeLessThan(16_384);
  });

  it('are bounded in all calls together, and the server stays alive for others', async () => {
    for (let i = 0; i < 4; i++) {
      say(
        ...Array.from({ length: 1000 }, (_, k) => headers(2 * k + 1, longBlock(k % 2 === 0 ? inferPath : streamPath))),
      );
    }
    await expect.poll(() => budget.totalBytes).toBeGreaterThan(6 * MiB);
    expect(await call(running.client, 'ServerLive', {})).toEqual({ live: true });
    expect(budget.totalBytes).toBeLessThanOrEqual(8 * MiB);
  });
});

describe('answers of gRPC calls that nobody takes', () => {
  const answerBytes = MiB;

  /** A connection without a window that asks so often, for a megabyte each time. */
  const deaf = (calls: number): Socket => {
    const socket = connect(running.listening.port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.resume();
    const requests = Array.from({ length: calls }, (_, i) => [
      headers(2 * i + 1, requestBlock(inferPath)),
      data(2 * i + 1, grpcMessage(), frameFlag.endStream),
    ]);
    socket.write(Buffer.concat([preface, settings([setting.initialWindowSize, 0]), ...requests.flat()]));
    return socket;
  };

  beforeEach(() => {
    const { respond } = running.server;
    running.server.answer = async (request) => {
      const bytes = request.id === 'small' ? 4 : answerBytes;
      return respond.call(running.server, request, [output(tensor('OUT', 'UINT8', [bytes], new Uint8Array(bytes)))]);
    };
  });

  it('are counted until the client has left', async () => {
    const socket = deaf(2);
    await expect.poll(() => budget.totalBytes).toBeGreaterThanOrEqual(2 * answerBytes);
    expect(budget.totalBytes).toBeLessThan(2.5 * answerBytes);
    socket.destroy();
    await expect.poll(() => budget.totalBytes).toBe(0);
  });

  it.runIf(isOwn)('are counted for their connection, whose number comes with its requests', async () => {
    const sockets = [deaf(2), deaf(1)];
    await expect.poll(() => budget.totalBytes).toBeGreaterThanOrEqual(3 * answerBytes);
    const numbers = running.server.seen.map(({ context }) => context.connection ?? 0);
    const perNumber = [...new Set(numbers)].map((number) => [
      numbers.filter((one) => one === number).length,
      Math.floor(budget.waitingBytes(0, number) / answerBytes),
    ]);
    expect(perNumber.sort()).toEqual([
      [1, 1],
      [2, 2],
    ]);
    const { stream, received } = openStream(running.client);
    stream.write(echoRequest('small'));
    await received(1);
    const ofStream = running.server.seen.at(-1)?.context.connection ?? 0;
    expect([ofStream > 0, numbers.includes(ofStream)]).toEqual([true, false]);
    stream.end();
    for (const socket of sockets) socket.destroy();
    await expect.poll(() => budget.totalBytes).toBe(0);
    expect(numbers.map((number) => budget.waitingBytes(0, number))).toEqual([0, 0, 0]);
  });

  it('are bounded, and leave memory for others', async () => {
    for (let i = 0; i < 3; i++) deaf(20);
    await expect.poll(() => running.server.seen.length).toBe(60);
    await expect.poll(() => budget.totalBytes).toBeGreaterThanOrEqual(3 * answerBytes);
    expect(budget.totalBytes).toBeLessThanOrEqual(8 * MiB);
    expect((await call(running.client, 'ModelInfer', echoRequest('small'))).id).toBe('small');
    expect((await call(running.client, 'ModelInfer', echoRequest('large'))).id).toBe('large');
    expect(budget.totalBytes).toBeLessThanOrEqual(6 * MiB);
  });
});

describe('the memory of a gRPC call', () => {
  const count = 300_000;
  const tensor = { name: 'IN', datatype: 'BYTES', shape: [count] };
  it.each([
    ['raw', { inputs: [tensor], raw_input_contents: [Buffer.alloc(4 * count)] }],
    ['typed', { inputs: [{ ...tensor, contents: { bytes_contents: new Array(count).fill(Buffer.alloc(0)) } }] }],
  ])(
    'is refused to a request that is small but needs more than all of it once decoded, as %s contents',
    async (_, rest) => {
      const request = { model_name: 'echo', ...rest };
      const expected = /needs \d{7,8} bytes beside its message.*8388608.*raise --max-inflight-bytes/;
      const { code, details } = await failure(call(running.client, 'ModelInfer', request));
      expect(code).toBe(8);
      expect(details).toMatch(expected);
      const { stream, received, messages } = openStream(running.client);
      stream.write(request);
      await received(1);
      expect(messages[0].error_message).toMatch(expected);
      stream.end();
      expect(running.server.seen).toEqual([]);
    },
  );

  it('is given back after any sequence of calls, good, refused and given up', async () => {
    const block = requestBlock(inferPath);
    const zipped = requestBlock(inferPath, field('grpc-encoding', 'gzip'));
    const broken = Buffer.alloc(300_000, 0xff);
    const compressed = (bytes: Buffer): Buffer => {
      const message = grpcMessage(bytes);
      message[0] = 1;
      return message;
    };
    const infer = (request: object, options: { metadata?: grpc.Metadata; deadline?: number } = {}): Promise<unknown> =>
      call(running.client, 'ModelInfer', request, options);
    const large = Buffer.alloc(300_000, 1);
    const kinds: Readonly<Record<string, () => Promise<unknown>>> = {
      good: () => infer(echoRequest('a')),
      large: () => infer(echoRequest('b', large)),
      unknownModel: () => infer({ ...echoRequest('c', large), model_name: 'none' }),
      badShape: () => infer({ ...echoRequest('d', large), inputs: [{ name: 'IN', datatype: 'UINT8', shape: [7] }] }),
      tooLarge: () => infer(echoRequest('e', Buffer.alloc(8 * MiB))),
      brokenMessage: () => sayAndLeave(headers(1, block), ...frames(1, grpcMessage(broken))),
      brokenGzip: () => sayAndLeave(headers(1, zipped), ...frames(1, compressed(broken))),
      bomb: () => sayAndLeave(headers(1, zipped), ...frames(1, compressed(gzipSync(Buffer.alloc(20 * MiB))))),
      givenUp: () => sayAndLeave(headers(1, block), ...frames(1, grpcMessage(large, 500_000), false)),
      endedWithin: () => sayAndLeave(headers(1, block), ...frames(1, grpcMessage(large, 500_000))),
      streamGivenUp: () =>
        sayAndLeave(headers(1, requestBlock(streamPath)), ...frames(1, grpcMessage(large, 500_000), false)),
      twoMessages: () =>
        sayAndLeave(headers(1, block), data(1, grpcMessage()), data(1, grpcMessage(), frameFlag.endStream)),
      late: () => infer({ ...echoRequest('f', large), model_name: 'slow' }, { deadline: Date.now() + 20 }),
      stream: async () => {
        const { stream, received } = openStream(running.client);
        for (const name of ['echo', 'none', 'echo']) stream.write({ ...echoRequest(name, large), model_name: name });
        await received(3);
        stream.end();
      },
      cancelledStream: async () => {
        const { stream, ended } = openStream(running.client);
        for (const name of ['slow', 'echo', 'echo']) stream.write({ ...echoRequest(name, large), model_name: name });
        await expect.poll(() => budget.totalBytes).toBeGreaterThan(0);
        stream.cancel();
        await ended;
      },
      control: () => call(running.client, 'RepositoryIndex', {}),
    };
    const { answer } = running.server;
    running.server.answer = async (request, context) => {
      if (request.modelName === 'none') throw new Error('no such model');
      if (request.modelName !== 'slow') return answer(request, context);
      return new Promise<InferenceResponse>((_, reject) => {
        context.cancellation.add(() => reject(new Error('cancelled')));
      });
    };
    const sequence = fc.array(fc.constantFrom(...Object.keys(kinds)), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(sequence, fc.boolean(), async (names, atOnce) => {
        const runs = names.map((name) => kinds[name] as () => Promise<unknown>);
        if (atOnce) await Promise.all(runs.map((run) => run().catch(() => undefined)));
        else for (const run of runs) await run().catch(() => undefined);
        await expect.poll(() => budget.totalBytes).toBe(0);
        await expect.poll(() => running.server.unreleased).toBe(0);
      }),
      { numRuns: 20 },
    );
  });
});

describe('compressed answers of gRPC calls', () => {
  it.each(['read', 'left'])('are counted with what they are compressed to, and no more once %s', async (end) => {
    running.stop();
    running = await startFrontend({ responseCompressionLevel: 'low' }, new MessagePool(null, budget));
    let mostBytes = 0;
    const { add } = budget;
    budget.add = (bytes) => {
      add.call(budget, bytes);
      mostBytes = Math.max(mostBytes, budget.totalBytes);
    };
    const noise = randomBytes(MiB);
    running.server.answer = async (request) =>
      running.server.respond(request, [output(tensor('OUT', 'UINT8', [noise.length], noise))]);
    const block = requestBlock(inferPath, field('grpc-accept-encoding', 'gzip'));
    const socket = say(headers(1, block), data(1, grpcMessage(), frameFlag.endStream), windowUpdate(0, 8 * MiB));
    socket.write(windowUpdate(1, 8 * MiB));
    await expect.poll(() => running.server.seen.length).toBe(1);
    if (end === 'left') socket.destroy();
    else {
      await expect.poll(() => socket.bytesRead).toBeGreaterThan(noise.length);
      expect(mostBytes).toBeGreaterThan(1.9 * noise.length);
    }
    await expect.poll(() => budget.totalBytes).toBe(0);
    expect(running.server.unreleased).toBe(0);
  });
});
