/** What the server and its models are and have done: metadata, configuration, statistics. */

import { configForGrpc } from '../../model-config/write-config.ts';
import type { InferenceServer } from '../../server/inference-server.ts';
import { statisticsMessage } from '../v2/statistics-message.ts';
import { controlMethod } from './control-method.ts';
import type { Protocol } from './protocol.ts';
import type { GrpcMethod } from './transport.ts';

/** Names a model and, unless it is empty, a version. */
interface ModelReference {
  readonly name: string;
  readonly version: string;
}

export const metadataMethods = (protocol: Protocol, server: InferenceServer): readonly GrpcMethod[] => [
  controlMethod(protocol, 'ServerMetadata', () => server.serverMetadata()),
  controlMethod(protocol, 'ModelMetadata', ({ name, version }: ModelReference) => server.modelMetadata(name, version)),
  controlMethod(protocol, 'ModelConfig', async ({ name, version }: ModelReference) => ({
    config: configForGrpc(await server.modelConfig(name, version)),
  })),
  controlMethod(protocol, 'ModelStatistics', async ({ name, version }: ModelReference) => ({
    model_stats: (await server.modelStatistics(name, version)).map(statisticsMessage),
  })),
];
