// Opens the engine with the library named on the command line and prints how that went.

import { createNativeEngine } from '../../dist/engine/native-engine.js';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
try {
  createNativeEngine({ libraryPath: process.argv[2], globalThreadPool: null, logger: silent });
  console.log('opened');
} catch (error) {
  console.log(`${error.code}: ${error.message}`);
}
