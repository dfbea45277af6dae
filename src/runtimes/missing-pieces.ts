/** What a machine still lacks for an installed GPU runtime: the driver, a newer one, or a newer GPU. */

import type { DriverDescription } from '../engine/driver.ts';
import type { RuntimeLock } from './runtime-lock.ts';

/** Below 0 when the first version is the older one; parts are compared as numbers. */
function compareVersions(first: string, second: string): number {
  const [a, b] = [first, second].map((text) => text.split('.').map(Number)) as [number[], number[]];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** One sentence for each missing piece, with the versions seen and wanted; empty when models can run on a GPU. */
export function missingPieces(
  { isThere, version, problem, devices }: DriverDescription,
  { cuda, minimumDriver, minimumComputeCapability }: RuntimeLock,
): readonly string[] {
  if (isThere && version !== null && compareVersions(version, minimumDriver) < 0) {
    return [
      `the NVIDIA driver is too old: it is ${version}, CUDA ${cuda} wants ${minimumDriver} or newer; update the driver`,
    ];
  }
  if (problem !== null) return [problem];
  return devices
    .filter(({ computeCapability }) => computeCapability > 0 && computeCapability < minimumComputeCapability)
    .map(
      ({ ordinal, name, computeCapability }) =>
        `GPU ${ordinal} is too old: ${name} has compute capability ${computeCapability.toFixed(1)}, ` +
        `ONNX Runtime wants ${minimumComputeCapability.toFixed(1)} or newer; models on it run on the CPU`,
    );
}
