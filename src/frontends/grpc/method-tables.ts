/** The tables of rpcs of the gRPC frontend. A new one is a file, and a line here. */

import { loggingTable, sharedMemoryTable, traceTable } from './absent-methods.ts';
import { healthTable } from './health-methods.ts';
import { inferMethod } from './infer-handler.ts';
import { metadataTable, modelConfigTable, statisticsTable } from './metadata-methods.ts';
import type { MethodTable } from './method-table.ts';
import { reflectionTable } from './reflection.ts';
import { repositoryTable } from './repository-methods.ts';
import { streamInferMethod } from './stream-handler.ts';

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
