import type { Socket } from 'node:net';

import { describe, expect, it } from 'vitest';

import { GrpcRequestSender } from '../../../bench/load/grpc-request-sender.ts';
import { HpackDecoder } from '../../../bench/load/hpack-decoder.ts';
import { FrameReader, frameFlag, frameType } from '../../../bench/load/http2-frames.ts';

interface Sent {
  readonly type: number;
  readonly isLast: boolean;
  readonly streamId: number;
  readonly content: Buffer;
}

/** A sender over a socket that only keeps frames, and what it sent. */
function senderOf(message: Buffer, maxFrameBytes: number, windowBytes: number) {
  const sent: Sent[] = [];
  const reader = new FrameReader((type, flags, streamId, content) => {
    const isLast = type === frameType.body && (flags & frameFlag.endStream) !== 0;
    sent.push({ type, isLast, streamId, content: Buffer.from(content) });
  });
  const socket = { write: (bytes: Buffer) => reader.push(bytes), cork: () => {}, uncork: () => {} };
  const peer = { headerTableBytes: 4096, maxStreams: 100, initialWindowBytes: windowBytes, maxFrameBytes };
  const sender = new GrpcRequestSender(socket as unknown as Socket, 'here:1', [message], peer, windowBytes);
  const bodies = (): Sent[] => sent.filter(({ type }) => type === frameType.body);
  return { sender, sent, bodies };
}

describe('GrpcRequestSender', () => {
  const message = Buffer.from(Array.from({ length: 100 }, (_, i) => i));

  it('sends header blocks that an HPACK decoder reads the same way every time', () => {
    const { sender, sent } = senderOf(message, 16_384, 65_535);
    for (const streamId of [1, 3, 5]) sender.add(streamId, 0);
    sender.flush();
    const decoder = new HpackDecoder();
    const blocks = sent.filter(({ type }) => type === frameType.headers).map(({ content }) => decoder.decode(content));
    expect(blocks[0]).toContainEqual({ name: ':path', value: '/inference.GRPCInferenceService/ModelInfer' });
    expect(blocks[0]).toContainEqual({ name: ':authority', value: 'here:1' });
    expect(blocks[0]).toContainEqual({ name: 'te', value: 'trailers' });
    expect(blocks[0]).toContainEqual({ name: 'content-type', value: 'application/grpc' });
    const sorted = (block: { name: string }[]) => block.map(({ name }) => name).sort();
    for (const block of blocks) expect(sorted(block)).toEqual(sorted(blocks[0]));
    expect(new Map(blocks[2].map(({ name, value }) => [name, value]))).toEqual(
      new Map(blocks[0].map(({ name, value }) => [name, value])),
    );
  });

  it('never sends more than the windows allow and goes on when they grow', () => {
    const { sender, bodies } = senderOf(message, 32, 70);
    sender.add(1, 0);
    sender.flush();
    expect(bodies().map(({ content }) => content.length)).toEqual([32, 32, 6]);
    sender.grant(0, 1000);
    sender.flush();
    expect(bodies()).toHaveLength(3);
    sender.grant(1, 20);
    sender.flush();
    expect(bodies().map(({ content }) => content.length)).toEqual([32, 32, 6, 20]);
    sender.moveInitialWindow(30);
    sender.flush();
    expect(Buffer.concat(bodies().map(({ content }) => content))).toEqual(message);
    expect(bodies().map(({ isLast }) => isLast)).toEqual([false, false, false, false, true]);
  });

  it('holds a whole small request back until the connection has room', () => {
    const { sender, bodies } = senderOf(message, 16_384, 150);
    for (const streamId of [1, 3]) sender.add(streamId, 0);
    sender.flush();
    expect(bodies().map(({ streamId, content }) => [streamId, content.length])).toEqual([
      [1, 100],
      [3, 50],
    ]);
    sender.grant(0, 50);
    sender.flush();
    expect(bodies().at(-1)).toMatchObject({ streamId: 3, isLast: true });
  });
});
