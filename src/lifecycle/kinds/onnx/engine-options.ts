/** The engine options of a configuration, with the paths of this machine; the same for inspecting and serving. */

import { join } from 'node:path';

import type { Device, InspectionSpec, ModelFile, SessionSpec } from '../../../engine/engine.ts';
import type { ConfigSettings } from '../../../model-config/config-settings.ts';
import type { EngineConfig } from '../../../model-config/model-config.ts';
import { planEngine } from '../../../model-config/resolve-config.ts';
import type { ConfigMessage } from '../../../model-config/schema/config-message.ts';

/** `engine` with absolute paths. `readConfigMessage` has refused names that leave the model's folder. */
export function engineOptions(modelFolder: string, engine: EngineConfig): EngineConfig {
  return { ...engine, customOpLibraries: engine.customOpLibraries.map((path) => join(modelFolder, path)) };
}

/**
 * The options with which the model file is inspected.
 *
 * @param modelFolder absolute
 * @param message as written, with names completed (`readConfigMessage`)
 */
export function inspectionOptions(
  modelFolder: string,
  message: ConfigMessage,
  settings: ConfigSettings,
): InspectionSpec {
  const { engine, gpu } = planEngine(message, settings);
  const { sessionEntries, cudaOptions, tensorrtOptions, customOpLibraries } = engineOptions(modelFolder, engine);
  const device = gpu === null ? ({ kind: 'cpu' } as const) : ({ kind: 'cuda', ordinal: gpu } as const);
  return { device, sessionEntries, cudaOptions, tensorrtOptions, customOpLibraries };
}

/**
 * A session as a server would open it on a device, which no other device replaces; to ask where the nodes of a model run.
 *
 * @param modelFolder absolute
 * @param message as for `inspectionOptions`
 */
export function placementSpec(
  file: ModelFile,
  device: Device,
  modelFolder: string,
  message: ConfigMessage,
  settings: ConfigSettings,
): SessionSpec {
  const { engine } = planEngine(message, settings);
  // Graphs are captured from what a provider runs, and change nothing of it.
  return {
    ...engineOptions(modelFolder, engine),
    graphRows: [],
    label: 'inspected',
    file,
    device,
    requireDevice: true,
  };
}
