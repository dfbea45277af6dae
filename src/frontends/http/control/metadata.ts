/** Metadata, configuration and statistics of the server and its models. */

import { configJson } from '../../../model-config/schema/write-config.ts';
import type { InferenceServer, TensorMetadata } from '../../../server/inference-server.ts';
import { statisticsPages } from '../../v2/pages.ts';
import { statisticsMessage } from '../../v2/statistics-message.ts';
import type { HttpContext } from '../http-context.ts';
import { type PagedText, pagedReply } from '../paged-text.ts';
import { jsonReply, type Reply } from '../reply.ts';

export async function serverMetadataReply(server: InferenceServer): Promise<Reply> {
  const { name, version, extensions } = await server.serverMetadata();
  return jsonReply(JSON.stringify({ name, version, extensions }));
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

export const allStatisticsReply = ({ server, slices }: HttpContext): Promise<Reply | PagedText> =>
  pagedReply(statisticsPages(server, '', slices), '{"model_stats":[', ']}');

/** Of one model. */
export async function statisticsReply(server: InferenceServer, model: string, version: string): Promise<Reply> {
  const statistics = await server.modelStatistics(model, version);
  return jsonReply(JSON.stringify({ model_stats: statistics.map(statisticsMessage) }));
}
