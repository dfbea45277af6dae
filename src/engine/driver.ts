/** The driver of NVIDIA's GPUs, asked without an ONNX Runtime. */

import type { CudaDevice } from './engine.ts';
import { loadNative } from './load-native.ts';
import type { NativeCudaDevice } from './native.ts';

export interface DriverDescription {
  /** Whether the driver's library opens. */
  readonly isThere: boolean;
  /** Such as 580.65.06; null where it is not told. */
  readonly version: string | null;
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

/** Throws `failed_precondition` when the addon is not built. */
export function describeDriver(): DriverDescription {
  const { devices, ...driver } = loadNative().describeDriver();
  return { ...driver, devices: devices.map(cudaDeviceOf) };
}
