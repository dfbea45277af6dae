/** Metadata, configuration and statistics of the server and its models. */

import { configForGrpc } from '../../../model-config/schema/write-config.ts';
import { statisticsPages } from '../../v2/pages.ts';
import { statisticsMessage } from '../../v2/statistics-message.ts';
import { controlMethod, pagedMethod } from './control-method.ts';
import type { MethodTable } from '../method-table.ts';

/** Names a model and, unless it is empty, a version. */
interface ModelReference {
  readonly name: string;
  readonly version: string;
}

export const metadataTable: MethodTable = {
  api: 'metadata',
  methods: ({ protocol, server }) => [
    controlMethod(protocol, 'ServerMetadata', () => server.serverMetadata()),
    controlMethod(protocol, 'ModelMetadata', ({ name, version }: ModelReference) =>
      server.modelMetadata(name, version),
    ),
  ],
};

export const modelConfigTable: MethodTable = {
  api: 'model-config',
  methods: ({ protocol, server }) => [
    controlMethod(protocol, 'ModelConfig', async ({ name, version }: ModelReference) => ({
      config: configForGrpc(await server.modelConfig(name, version)),
    })),
  ],
};

export const statisticsTable: MethodTable = {
  api: 'statistics',
  methods: ({ protocol, server, slices }) => [
    pagedMethod(protocol, 'ModelStatistics', async function* ({ name, version }: ModelReference) {
      if (name !== '') {
        yield { model_stats: (await server.modelStatistics(name, version)).map(statisticsMessage) };
        return;
      }
      for await (const page of statisticsPages(server, version, slices)) yield { model_stats: page };
    }),
  ],
};
