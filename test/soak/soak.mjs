/**
 * Entry of `npm run soak`: memory over many reloads and over much traffic, against the built server.
 *
 *   npm run soak -- [--cycles=200] [--seconds=600] [--requests=10000000] [--server-flag=F]…
 *
 * --cycles=0 leaves out the reloads, --seconds=0 the traffic. Exit code 0 when memory stays flat and nothing failed.
 */

import { compileBench } from '../../bench/compile.mjs';

compileBench();
const { main } = await import('../../build/bench/test/soak/main.js');
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
