// A worker that opens shared slabs as it is told and answers each order, or one that owns a slab and tells its token.

import { parentPort, workerData } from 'node:worker_threads';
import { loadNative } from '../../dist/engine/load-native.js';
import { createNativeEngine } from '../../dist/engine/native-engine.js';

const addon = loadNative();

if (workerData.spec === undefined) {
  let buffer = null;
  const orders = {
    open: ({ token }) => {
      buffer = addon.openShared(token);
    },
    read: ({ offset, length }) => [...new Float32Array(buffer, offset, length)],
    write: ({ offset, value }) => {
      new Float32Array(buffer, offset, 1)[0] = value;
    },
    discard: () => {
      addon.discardBuffer(buffer);
      return buffer.byteLength;
    },
    forget: ({ token }) => addon.forgetShared(token),
    end: () => process.exit(),
  };
  parentPort.on('message', (order) => {
    try {
      parentPort.postMessage({ answer: orders[order.what](order) ?? null, error: null });
    } catch (error) {
      parentPort.postMessage({ answer: null, error: error.message });
    }
  });
} else {
  const { slabBuffer } = addon;
  let token = 0;
  addon.slabBuffer = (instanceId, slabId) => {
    token = addon.shareSlab(instanceId, slabId);
    return slabBuffer(instanceId, slabId);
  };
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const engine = createNativeEngine({ libraryPath: null, globalThreadPool: null, logger: silent });
  const session = await engine.openSession(workerData.spec);
  const instance = session.createInstance({ name: 'fixture_0', maxRows: 0 });
  const inputs = [{ index: 0, shape: [1, 2], parts: [new Uint8Array(Float32Array.of(1, 2).buffer)] }];
  instance.run({ inputs, outputs: [0] }, ({ outputs }) => {
    parentPort.postMessage({ token, offset: outputs[0].data.byteOffset });
    parentPort.on('message', () => process.exit());
  });
}
