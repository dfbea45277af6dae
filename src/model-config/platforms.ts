/** The platforms and the backend that a configuration may name, and which kind of model it describes by them. */

import type { ConfigMessage } from './schema/config-message.ts';

export const onnxBackend = 'onnxruntime';
export const onnxPlatform = 'onnxruntime_onnx';
export const aliasPlatform = 'alias';
export const ensemblePlatform = 'ensemble';

/** The platforms of the kinds that have no backend. A kind with a platform of its own adds it here. */
export const platformsWithoutBackend: readonly string[] = [aliasPlatform, ensemblePlatform];

/** Another name for a version of another model. */
export const isAlias = ({ platform }: ConfigMessage): boolean => platform === aliasPlatform;

export const isEnsemble = ({ platform, ensemble_scheduling: scheduling }: ConfigMessage): boolean =>
  platform === ensemblePlatform || scheduling !== undefined;
