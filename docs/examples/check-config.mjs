// Checks a config.pbtxt without a server and without its model, and says how the model would be served.
//
//   node docs/examples/check-config.mjs model-repository/digits_cnn/config.pbtxt
//
// The name of the model is that of the folder. Ends with 1 when the configuration could not be served.

import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { readTritonConfig } from 'nereid/triton-config';

const path = resolve(process.argv[2] ?? 'config.pbtxt');
const { config, problems } = readTritonConfig({ modelName: basename(dirname(path)), text: await readFile(path) });

for (const { kind, text, place } of problems) {
  console.log(`${kind}: ${basename(path)}${place === null ? '' : `:${place.line}:${place.column}`}: ${text}`);
}
if (config === null) {
  process.exitCode = problems.some(({ kind }) => kind !== 'ignored') ? 1 : 0;
} else {
  const { name, maxBatchSize, inputs, outputs, instanceGroups } = config;
  const tensors = (list) => list.map((tensor) => `${tensor.name} ${tensor.datatype} [${tensor.dims}]`).join(', ');
  console.log(`${name}: ${maxBatchSize === 0 ? 'no batching' : `batches of at most ${maxBatchSize} rows`}`);
  console.log(`  inputs:    ${tensors(inputs) || 'as the model declares'}`);
  console.log(`  outputs:   ${tensors(outputs) || 'as the model declares'}`);
  console.log(
    `  instances: ${instanceGroups.map(({ count, kind }) => `${count} on ${kind.toUpperCase()}`).join(', ')}`,
  );
}
