/** Health, metadata, configuration and statistics: everything that only reads (http.md §3, §4). */

import { unavailable } from '../../errors.ts';
import { configJson } from '../../model-config/write-config.ts';
import type { InferenceServer, TensorMetadata } from '../../server/inference-server.ts';
import { statisticsMessage } from '../v2/statistics-message.ts';
import type { HttpContext } from './http-context.ts';
import { emptyReply, jsonReply, type Reply } from './reply.ts';

export function healthReply({ server, isExiting }: HttpContext, question: 'live' | 'ready'): Reply {
  if (isExiting()) throw unavailable('Server exiting');
  const isGood = question === 'live' ? server.isLive() : server.isReady();
  return emptyReply(isGood ? 200 : 400);
}

export function serverMetadataReply(server: InferenceServer): Reply {
  const { name, version, extensions } = server.serverMetadata();
  return jsonReply(JSON.stringify({ name, version, extensions }));
}

export const modelReadyReply = (server: InferenceServer, model: string, version: string): Reply =>
  server.isModelReady(model, version)
    ? emptyReply(200)
    : { status: 400, json: JSON.stringify({ error: 'Model version not ready' }) };

export function modelMetadataReply(server: InferenceServer, model: string, version: string): Reply {
  const { name, versions, platform, inputs, outputs } = server.modelMetadata(model, version);
  return jsonReply(
    JSON.stringify({
      name,
      versions,
      platform,
      inputs: inputs.map(tensorMessage),
      outputs: outputs.map(tensorMessage),
    }),
  );
}

const tensorMessage = ({ name, datatype, shape }: TensorMetadata): object => ({ name, datatype, shape });

export const modelConfigReply = (server: InferenceServer, model: string, version: string): Reply =>
  jsonReply(configJson(server.modelConfig(model, version)));

/** `model` '' asks for all. */
export function statisticsReply(server: InferenceServer, model: string, version: string): Reply {
  const statistics = server.modelStatistics(model, version);
  return jsonReply(JSON.stringify({ model_stats: statistics.map(statisticsMessage) }));
}
