/** A session without a configuration, for programs that serve no model: checks, benches and tests. */

import type { Device, ModelFile, SessionSpec } from './engine.ts';

/** One thread, full optimisation, and else what the runtime does by itself; on this device alone. */
export const plainSession = (label: string, file: ModelFile, device: Device): SessionSpec => ({
  label,
  file,
  device,
  requireDevice: true,
  intraOpThreads: 1,
  interOpThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 99,
  enableMemoryArena: true,
  enableMemoryPattern: true,
  sessionEntries: new Map(),
  runEntries: new Map(),
  cudaOptions: new Map(),
  tensorrtOptions: null,
  graphRows: [],
  customOpLibraries: [],
});
