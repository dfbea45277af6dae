/** The platforms and the backend that a configuration may name, and which kind of model it describes by them. */

import type { ConfigMessage } from './schema/config-message.ts';

export const onnxBackend = 'onnxruntime';
export const onnxPlatform = 'onnxruntime_onnx';
export const aliasPlatform = 'alias';
export const ensemblePlatform = 'ensemble';

/** Another name for a version of another model. */
export const isAlias = ({ platform }: ConfigMessage): boolean => platform === aliasPlatform;

export const isEnsemble = ({ platform, ensemble_scheduling: scheduling }: ConfigMessage): boolean =>
  platform === ensemblePlatform || scheduling !== undefined;
