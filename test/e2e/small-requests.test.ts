/**
 * Floods of small good requests on one connection: others are served in between. Counts answers and no time, so a slow
 * machine is as good as a fast one: before requests were taken in shares, others got an answer for each 8,000 to 25,000 of them.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestBlock, unaryCall } from '../http2/frame-bytes.ts';
import { RawConnection } from '../http2/raw-connection.ts';
import { placeWideModel } from '../models/wide-model.ts';
import { frontendThreadCounts } from './frontend-thread-counts.ts';
import { ServerProcess, temporaryFolder } from './server-process.ts';

const getCount = 60_000;
const callCount = 120_000;
/** Answers to others that come meanwhile at the least; before, there were fifteen at the most. */
const leastOthers = 20;

const get = 'GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n';

let server: ServerProcess;
let dispose: () => Promise<void>;
const sockets: Socket[] = [];

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** How often a mark comes in the bytes of a socket, also across their pieces. */
function countOf(socket: Socket, mark: Buffer, counted: (count: number) => void): void {
  let rest = Buffer.alloc(0);
  let count = 0;
  socket.on('data', (piece: Buffer) => {
    const bytes = Buffer.concat([rest, piece]);
    let from = 0;
    for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, from)) {
      count++;
      from = at + mark.length;
    }
    rest = bytes.subarray(Math.max(from, bytes.length - mark.length + 1));
    counted(count);
  });
}

/** Sends one request after the other until the flood is over. How many of them were answered by then. */
async function othersDuring(flood: () => Promise<unknown>): Promise<number> {
  const other = await open(server.ports.http);
  let others = 0;
  countOf(other, Buffer.from('HTTP/1.1 200'), (count) => {
    others = count;
    other.write(get);
  });
  other.write(get);
  await flood();
  return others;
}

describe.each(frontendThreadCounts('1,2'))('with %d frontend threads', (threads) => {
  beforeAll(async () => {
    const folder = await temporaryFolder();
    dispose = folder.dispose;
    await placeWideModel(folder.path, 'wide', 16);
    server = await ServerProcess.start(folder.path, [`--frontend-threads=${threads}`]);
  });

  afterAll(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    await dispose();
  });

  it('pipelined HTTP requests let others be served', async () => {
    const attacker = await open(server.ports.http);
    const others = await othersDuring(() => {
      const answered = new Promise<void>((resolve) => {
        countOf(attacker, Buffer.from('HTTP/1.1 200'), (count) => count === getCount && resolve());
      });
      attacker.write(get.repeat(getCount));
      return answered;
    });
    expect(others).toBeGreaterThan(leastOthers);
  });

  it('gRPC calls let others be served', async () => {
    const attacker = await RawConnection.open(server.ports.grpc);
    const block = requestBlock('/inference.GRPCInferenceService/Unknown');
    const idOf = (i: number): number => 2 * i + 1;
    const flood = Buffer.concat(Array.from({ length: callCount }, (_, i) => unaryCall(idOf(i), block)));
    const others = await othersDuring(async () => {
      await attacker.write(flood);
      await attacker.frame(({ streamId, flags }) => streamId === idOf(callCount - 1) && (flags & 1) !== 0);
    });
    attacker.destroy();
    expect(others).toBeGreaterThan(leastOthers);
  });
});
