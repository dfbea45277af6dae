import { describe, expect, it } from 'vitest';
import { missingPieces } from '../../src/runtimes/missing-pieces.ts';
import { lockOf } from './wheel-writer.ts';

const lock = lockOf([]);
const gpu = (computeCapability: number) => ({ ordinal: 0, name: 'P100', uuid: '', computeCapability, totalBytes: 1 });
const driver = { isThere: true, version: '580.65.06', cudaVersion: '13.0', problem: null, devices: [gpu(7.5)] };

describe('what is missing for an installed runtime', () => {
  it('is nothing with the oldest driver and the oldest GPU that will do', () => {
    expect(missingPieces(driver, lock)).toEqual([]);
    expect(missingPieces({ ...driver, version: '1000.1' }, lock)).toEqual([]);
    expect(missingPieces({ ...driver, version: null }, lock)).toEqual([]);
  });

  it('is a driver', () => {
    const problem = 'the NVIDIA driver is not installed';
    expect(missingPieces({ ...driver, isThere: false, version: null, problem }, lock)).toEqual([problem]);
  });

  it('is a newer driver, with both versions', () => {
    for (const version of ['570.211.01', '580.65.5', '580.9']) {
      const [piece] = missingPieces({ ...driver, version, problem: 'does not start' }, lock);
      expect(piece).toBe(
        `the NVIDIA driver is too old: it is ${version}, CUDA 13 wants 580.65.06 or newer; update the driver`,
      );
    }
  });

  it('is a newer GPU, with both capabilities', () => {
    expect(missingPieces({ ...driver, devices: [gpu(6), gpu(0)] }, lock)).toEqual([
      'GPU 0 is too old: P100 has compute capability 6.0, ONNX Runtime wants 7.5 or newer; models on it run on the CPU',
    ]);
  });
});
