/** The tables of rpcs of the gRPC frontend. A new one is a file, and a line here. */

import { healthTable } from './control/health.ts';
import { inferMethod } from './infer/handler.ts';
import { metadataTable, modelConfigTable, statisticsTable } from './control/metadata.ts';
import type { MethodTable } from './method-table.ts';
import { reflectionTable } from './control/reflection.ts';
import { repositoryTable } from './control/repository.ts';
import { loggingTable, traceTable } from './control/settings.ts';
import { sharedMemoryTable } from './control/shared-memory.ts';
import { streamInferMethod } from './infer/stream-handler.ts';

const inferenceTable: MethodTable = {
  api: 'inference',
  methods: (surroundings) => [inferMethod(surroundings), streamInferMethod(surroundings)],
};

export const methodTables: readonly MethodTable[] = [
  inferenceTable,
  healthTable,
  metadataTable,
  modelConfigTable,
  statisticsTable,
  repositoryTable,
  sharedMemoryTable,
  traceTable,
  loggingTable,
  reflectionTable,
];
