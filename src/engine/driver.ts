/** The driver of NVIDIA's GPUs, asked without an ONNX Runtime. */

import type { CudaDevice } from './engine.ts';
import { loadNative } from './load-native.ts';
import type { NativeCudaDevice } from './native.ts';

export interface DriverDescription {
  /** Whether the driver's library opens. */
  readonly isThere: boolean;
  /** Such as 580.65.06; null where it is not told. */
  readonly version: string | null;
  /** The newest version of CUDA that it runs, such as 13.0; null where it is not told. */
  readonly cudaVersion: string | null;
  /** Why no GPU can be used; null when one can. */
  readonly problem: string | null;
  readonly devices: readonly CudaDevice[];
}

export const cudaDeviceOf = (device: NativeCudaDevice): CudaDevice => ({
  ordinal: device.ordinal,
  name: device.name,
  uuid: device.uuid,
  computeCapability: device.computeMajor + device.computeMinor / 10,
  totalBytes: device.totalBytes,
});

/** Of all processes together. */
export interface DeviceMemory {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** The driver's 12080 is version 12.8. */
const versionText = (number: number): string | null =>
  number > 0 ? `${Math.floor(number / 1000)}.${Math.floor((number % 1000) / 10)}` : null;

/** Throws `failed_precondition` when the addon is not built. */
export function describeDriver(): DriverDescription {
  const { isThere, version, cudaVersion, problem, devices } = loadNative().describeDriver();
  return { isThere, version, cudaVersion: versionText(cudaVersion), problem, devices: devices.map(cudaDeviceOf) };
}

/** The memory of a GPU as it is now; null where the driver does not tell. Takes no memory of the GPU. */
export const readDeviceMemory = (uuid: string): DeviceMemory | null => loadNative().deviceMemory(uuid);
