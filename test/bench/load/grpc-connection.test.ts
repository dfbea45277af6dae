import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { GrpcConnection } from '../../../bench/load/grpc-connection.ts';
import { settings } from '../../../bench/load/http2-frames.ts';
import { LoadRecorder } from '../../../bench/load/load-recorder.ts';

const inferCase = { model: 'm', shape: [1], input: new Uint8Array(4), expected: null };

describe('GrpcConnection', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  it('sends nothing before it is told to, so that a load begins when all of its connections are open', async () => {
    server = createServer((socket) => {
      socket.on('error', () => {});
      socket.resume().write(settings([]));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const recorder = new LoadRecorder([inferCase], { checkEvery: 1, tolerance: 0 });
    const connection = await GrpcConnection.open(port, [Buffer.alloc(5)], 3, recorder);
    expect(connection.inFlight).toBe(0);
    connection.send();
    expect(connection.inFlight).toBe(3);
    connection.close();
  });
});
