/** Health, metadata, configuration and statistics: the endpoints that only read. */

import { unavailable } from '../../../errors.ts';
import { configJson } from '../../../model-config/schema/write-config.ts';
import type { InferenceServer, TensorMetadata } from '../../../server/inference-server.ts';
import { reasonNotReady } from '../../v2/model-readiness.ts';
import { statisticsMessage } from '../../v2/statistics-message.ts';
import type { HttpContext } from '../http-context.ts';
import { emptyReply, jsonReply, type Reply } from '../reply.ts';

export async function healthReply({ server, isExiting }: HttpContext, question: 'live' | 'ready'): Promise<Reply> {
  if (isExiting()) throw unavailable('Server exiting');
  const isGood = await (question === 'live' ? server.isLive() : server.isReady());
  return emptyReply(isGood ? 200 : 400);
}

export async function serverMetadataReply(server: InferenceServer): Promise<Reply> {
  const { name, version, extensions } = await server.serverMetadata();
  return jsonReply(JSON.stringify({ name, version, extensions }));
}

export async function modelReadyReply(
  { server, isExiting }: HttpContext,
  model: string,
  version: string,
): Promise<Reply> {
  if (isExiting()) throw unavailable('Server exiting');
  const reason = await reasonNotReady(server, model, version);
  if (reason === null) return emptyReply(200);
  const error = `Model version not ready${reason === '' ? '' : `: ${reason}`}`;
  return { status: 400, json: JSON.stringify({ error }) };
}

export async function modelMetadataReply(server: InferenceServer, model: string, version: string): Promise<Reply> {
  const { name, versions, platform, inputs, outputs } = await server.modelMetadata(model, version);
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

export const modelConfigReply = async (server: InferenceServer, model: string, version: string): Promise<Reply> =>
  jsonReply(configJson(await server.modelConfig(model, version)));

/** `model` '' asks for all. */
export async function statisticsReply(server: InferenceServer, model: string, version: string): Promise<Reply> {
  const statistics = await server.modelStatistics(model, version);
  return jsonReply(JSON.stringify({ model_stats: statistics.map(statisticsMessage) }));
}
