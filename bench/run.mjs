/**
 * Entry of `npm run bench`: compiles the bench, which is TypeScript, into build/bench and runs it. `npm run bench -- help`
 * says what there is.
 */

import { compileBench } from './compile.mjs';

compileBench();
const { main } = await import('../build/bench/bench/main.js');
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
