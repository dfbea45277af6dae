/**
 * Attacks of a hostile HTTP/2 client on the gRPC port, and their limits. Every attack is bounded; each test asks that
 * the server reacts as it should, that its memory stays within a stated bound, and that another connection is served
 * all the while and afterwards.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  data,
  errorCode,
  field,
  frame,
  frameFlag,
  frameHead,
  frameType,
  grpcMessage,
  headers,
  hpackInteger,
  indexedField,
  newestEntry,
  ping,
  preface,
  priority,
  requestBlock,
  resetStream,
  type SettingPair,
  setting,
  settings,
  unaryCall,
  windowUpdate,
} from '../http2/frame-bytes.ts';
import { RawConnection } from '../http2/raw-connection.ts';
import { wideInfer } from '../models/wide-model.ts';
import { AttackedServer } from './attacked-server.ts';
import { frontendThreadCounts } from './frontend-thread-counts.ts';

const service = '/inference.GRPCInferenceService';
const liveBlock = requestBlock(`${service}/ServerLive`);
const inferBlock = requestBlock(`${service}/ModelInfer`);
const streamBlock = requestBlock(`${service}/ModelStreamInfer`);

/** ServerLiveResponse with `live`, as a gRPC message. */
const liveAnswer = '00000000020801';

/** Of those who wait for the server's end of a connection; a busy machine takes its time. */
const patienceMs = 30_000;

/** What the server advertises as SETTINGS_MAX_CONCURRENT_STREAMS. */
const maxStreams = 1024;

/** Growth allowed where nothing ought to be kept; a young heap moves by a few tens of MiB anyway. */
const flatMiB = 48;

const wide = { name: 'wide', columns: 65_536 };
const narrow = { name: 'narrow', columns: 4_096 };

/** The nth stream of a client, from 0. */
const streamOf = (n: number): number => 2 * n + 1;

let server: AttackedServer;

const attack = async (growthMiB: number, act: () => Promise<void>): Promise<void> => {
  const { served, grownMiB } = await server.under(act);
  expect(served, 'calls of another connection meanwhile').toBeGreaterThan(0);
  expect(grownMiB, 'MiB that the server grew').toBeLessThan(growthMiB);
};

const open = (...pairs: readonly SettingPair[]): Promise<RawConnection> => RawConnection.open(server.port, ...pairs);

/** Fails unless the server says GOAWAY with that code and closes. */
async function expectEnd(connection: RawConnection, code: number): Promise<void> {
  await connection.frame(({ type }) => type === frameType.goAway);
  expect(connection.goAway?.code).toBe(code);
  expect(await connection.closedWithin(patienceMs), 'closed after GOAWAY').toBe(true);
}

/** Inferences of a model that have succeeded. */
async function answered(model: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${server.metricsPort}/metrics`)).text();
  return Number(
    new RegExp(`^nv_inference_request_success\\{model="${model}",version="1"\\} (\\d+)`, 'm').exec(text)?.[1],
  );
}

/** Sends up to `count` frames and expects to be told to calm down before the last is taken. */
async function expectCalmedFlood(count: number, frames: (i: number) => Uint8Array, before: Uint8Array[] = []) {
  await attack(flatMiB, async () => {
    const connection = await open();
    if (before.length > 0) await connection.write(...before);
    await connection.flood(count, frames);
    await expectEnd(connection, errorCode.enhanceYourCalm);
  });
}

/** Fails unless a ServerLive call on this connection is answered. */
async function expectServed(connection: RawConnection, streamId: number, block: Uint8Array = liveBlock) {
  await connection.write(unaryCall(streamId, block));
  await connection.frame((frame) => frame.streamId === streamId && (frame.flags & frameFlag.endStream) !== 0);
  expect(connection.on(streamId, frameType.data)[0]?.content.toString('hex')).toBe(liveAnswer);
}

describe.each(frontendThreadCounts('1,2'))('with %d frontend threads', (threads) => {
  beforeAll(async () => {
    server = await AttackedServer.start([wide, narrow], threads);
  });

  afterAll(async () => {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });

  describe('a flood', () => {
    it.each([
      ['calls that are reset before their message', (id: number) => headers(id, liveBlock)],
      ['inferences that are cancelled at once', (id: number) => unaryCall(id, inferBlock, wideInfer(narrow.name))],
    ])('of %s ends the connection before all are taken', async (_, call) => {
      const count = 20_000;
      await attack(flatMiB, async () => {
        const connection = await open();
        await connection.flood(count, (i) =>
          Buffer.concat([call(streamOf(i)), resetStream(streamOf(i), errorCode.cancel)]),
        );
        await expectEnd(connection, errorCode.enhanceYourCalm);
        expect(connection.goAway?.lastStreamId).toBeLessThan(streamOf(count - 1));
      });
    });

    it.each([
      ['calls', (id: number) => headers(id, liveBlock)],
      ['inferences', (id: number) => unaryCall(id, inferBlock, wideInfer(narrow.name))],
    ])('of %s that make the server reset them ends the connection before all are taken', async (_, call) => {
      const count = 20_000;
      await attack(flatMiB, async () => {
        const connection = await open();
        await connection.flood(count, (i) => Buffer.concat([call(streamOf(i)), windowUpdate(streamOf(i), 0)]));
        await connection.frame(({ type }) => type === frameType.goAway);
        // An increment of zero may be taken as an error of the connection as well.
        expect([errorCode.protocol, errorCode.enhanceYourCalm]).toContain(connection.goAway?.code);
        expect(await connection.closedWithin(patienceMs), 'closed after GOAWAY').toBe(true);
      });
    });

    it('of calls that are refused ends the connection before all are taken', async () => {
      await attack(flatMiB, async () => {
        const connection = await open();
        await connection.flood(maxStreams, (i) => headers(streamOf(i), streamBlock));
        await connection.flood(100_000, (i) => headers(streamOf(maxStreams + i), streamBlock));
        await expectEnd(connection, errorCode.enhanceYourCalm);
      });
    });

    it.each([
      ['PING', ping()],
      ['SETTINGS', settings()],
    ])('of %s from a client that reads no answers ends the connection', async (_, one) => {
      await attack(flatMiB, async () => {
        const connection = await open();
        connection.stopReading();
        await connection.flood(100_000, () => one);
        connection.resumeReading();
        expect(await connection.closedWithin(patienceMs), 'closed').toBe(true);
        // A GOAWAY behind answers that were never read may be lost with the connection.
        expect([errorCode.enhanceYourCalm, undefined]).toContain(connection.goAway?.code);
      });
    });

    it('of empty DATA on an open stream ends the connection', async () => {
      const one = data(1, Buffer.alloc(0));
      await expectCalmedFlood(100_000, () => one, [headers(1, streamBlock)]);
    });

    it.each([
      ['SETTINGS', settings()],
      ['PING', ping()],
      ['PRIORITY', priority(1)],
      ['WINDOW_UPDATE', windowUpdate(0, 1)],
      ['frames of an unknown type', frame(0xbe, 0, 0, Buffer.alloc(4))],
    ])('of %s ends the connection', async (_, one) => {
      await expectCalmedFlood(200_000, () => one);
    });
  });

  describe('a header block', () => {
    it('without end is cut off after 64 KiB', async () => {
      await attack(flatMiB, async () => {
        const connection = await open();
        const part = field('x-part', 'a'.repeat(16_000));
        await connection.write(frame(frameType.headers, frameFlag.endStream, 1, part));
        // No more than this is sent, so the end is that of the size and not that of time.
        for (let bytes = part.length; bytes <= 65_536; bytes += part.length) {
          await connection.write(frame(frameType.continuation, 0, 1, part));
        }
        await expectEnd(connection, errorCode.enhanceYourCalm);
      });
    });

    it('without end and without content is cut off after some frames', async () => {
      await attack(flatMiB, async () => {
        const connection = await open();
        const part = frame(frameType.continuation, 0, 1);
        await connection.write(frame(frameType.headers, frameFlag.endStream, 1, liveBlock));
        await connection.write(...Array<Buffer>(65).fill(part));
        await expectEnd(connection, errorCode.enhanceYourCalm);
      });
    });

    it('that decodes to more than 16 KiB costs only its stream', async () => {
      await attack(flatMiB, async () => {
        const connection = await open();
        const large = field('x', 'a'.repeat(4_000), true);
        const bomb = Buffer.concat([large, Buffer.alloc(11_000, indexedField(newestEntry))]);
        const count = 32;
        for (let i = 0; i < count; i++) {
          const block = requestBlock(`${service}/ServerLive`, bomb);
          await connection.write(headers(streamOf(i), block, frameFlag.endStream));
          await connection.frame(
            ({ streamId, type, flags }) =>
              streamId === streamOf(i) &&
              (type === frameType.resetStream || (type === frameType.headers && (flags & frameFlag.endStream) !== 0)),
          );
        }
        const withOne = requestBlock(`${service}/ServerLive`, indexedField(newestEntry));
        await expectServed(connection, streamOf(count), withOne);
        expect(connection.goAway).toBeNull();
        connection.destroy();
      });
    });

    it('that asks for a larger dynamic table than was offered ends the connection', async () => {
      await attack(flatMiB, async () => {
        const connection = await open();
        const update = hpackInteger(4_097, 5, 0x20);
        await connection.write(headers(1, Buffer.concat([update, liveBlock]), frameFlag.endStream));
        await expectEnd(connection, errorCode.compression);
      });
    });
  });

  describe('calls', () => {
    it('beyond the limit of streams are refused, and one that ends makes room', async () => {
      await attack(flatMiB, async () => {
        const connection = await open();
        const offered = connection.frames[0];
        expect(offered.content.toString('hex')).toContain(`0003${maxStreams.toString(16).padStart(8, '0')}`);
        for (let i = 0; i < maxStreams; i++) await connection.write(headers(streamOf(i), streamBlock));
        await expect(
          connection.frame(({ type }) => type === frameType.resetStream, 200),
          'none is reset up to the limit',
        ).rejects.toThrow('waited');
        await connection.write(headers(streamOf(maxStreams), streamBlock));
        const refused = await connection.frame(({ type }) => type === frameType.resetStream);
        expect(refused.streamId).toBe(streamOf(maxStreams));
        expect(refused.content.readUInt32BE(0)).toBe(errorCode.refusedStream);
        await connection.write(resetStream(1, errorCode.cancel));
        await expectServed(connection, streamOf(maxStreams + 1));
        connection.destroy();
      });
    });

    it('whose answers no window is opened for are held, and those beyond the limit refused', async () => {
      const count = 2_000;
      await attack(64, async () => {
        const connection = await open([setting.initialWindowSize, 0]);
        const message = wideInfer(narrow.name);
        await connection.flood(count, (i) => unaryCall(streamOf(i), inferBlock, message));
        const isRefusal = (frame: { type: number; content: Buffer }) =>
          frame.type === frameType.resetStream && frame.content.readUInt32BE(0) === errorCode.refusedStream;
        await connection.frame((frame) => isRefusal(frame) && frame.streamId === streamOf(count - 1));
        expect(connection.frames.filter(isRefusal)).toHaveLength(count - maxStreams);
        expect(connection.frames.filter(({ type, content }) => type === frameType.data && content.length > 0)).toEqual(
          [],
        );
        await expect(connection.closedWithin(500)).resolves.toBe(false);
        connection.destroy();
      });
    });

    it.each([
      ['never reads', 64, 2 ** 31 - 1],
      ['opens no window', 128, 0],
    ])('with 240 MiB of answers for a client that %s do not pile up', async (_, growthMiB, windowBytes) => {
      const waves = 30;
      const perWave = 32;
      // A link between threads keeps free pages for the next answers.
      const idlePagesMiB = threads > 1 ? 32 : 0;
      await attack(growthMiB + idlePagesMiB, async () => {
        const connection = await open([setting.initialWindowSize, windowBytes]);
        if (windowBytes > 0) {
          await connection.write(windowUpdate(0, 2 ** 31 - 1 - 65_535));
          connection.stopReading();
        }
        const message = wideInfer(wide.name);
        const before = await answered(wide.name);
        let isTaken = true;
        for (let wave = 0; wave < waves && !connection.isClosed; wave++) {
          const calls = Array.from({ length: perWave }, (_, i) =>
            unaryCall(streamOf(wave * perWave + i), inferBlock, message),
          );
          await connection.write(...calls);
          // The next one when this one has its answers, or has none because the server takes no more.
          const count = before + (wave + 1) * perWave;
          for (let tries = 0; isTaken && (await answered(wide.name)) < count; tries++) {
            isTaken = tries < 100;
            await connection.closedWithin(30);
          }
        }
        await connection.closedWithin(300);
        connection.destroy();
      });
    });

    it('that stay open beyond their deadline are ended by the server', async () => {
      await attack(flatMiB, async () => {
        const connection = await open();
        const block = requestBlock(`${service}/ModelStreamInfer`, field('grpc-timeout', '300m'));
        await connection.flood(maxStreams, (i) => headers(streamOf(i), block));
        const isEnd = ({ type, flags }: { type: number; flags: number }) =>
          type === frameType.headers && (flags & frameFlag.endStream) !== 0;
        await connection.frame((frame) => isEnd(frame) && frame.streamId === streamOf(maxStreams - 1));
        expect(connection.frames.filter(isEnd)).toHaveLength(maxStreams);
        await expectServed(connection, streamOf(maxStreams));
        connection.destroy();
      });
    });

    it('that declare 2 GB and send none of it reserve nothing', async () => {
      await attack(flatMiB, async () => {
        const connection = await open();
        const start = grpcMessage(Buffer.alloc(0), 2 ** 31 - 1);
        await connection.flood(maxStreams, (i) =>
          Buffer.concat([headers(streamOf(i), inferBlock), data(streamOf(i), start)]),
        );
        await connection.closedWithin(500);
        connection.destroy();
      });
    });
  });

  describe('a connection', () => {
    it.each([16_385, 2 ** 24 - 1])('that sends a frame of %d bytes is ended', async (length) => {
      await attack(flatMiB, async () => {
        const connection = await open();
        await connection.write(frameHead(length, frameType.headers, frameFlag.endHeaders, 1), Buffer.alloc(1_024));
        await expectEnd(connection, errorCode.frameSize);
      });
    });

    it('that does not come to a whole preface or header block is closed after some seconds', async () => {
      await attack(flatMiB, async () => {
        const silent = await RawConnection.bare(server.port);
        const halfPreface = await RawConnection.bare(server.port);
        const halfBlock = await open();
        await halfPreface.write(preface.subarray(0, 12));
        await halfBlock.write(frame(frameType.headers, 0, 1, liveBlock.subarray(0, 20)));
        const closed = await Promise.all([silent, halfPreface, halfBlock].map((each) => each.closedWithin(patienceMs)));
        expect(closed).toEqual([true, true, true]);
      });
    });
  });
});
