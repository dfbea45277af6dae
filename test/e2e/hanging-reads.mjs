/**
 * Loaded into a server before its own code: reading a label file never ends, as from a file server that does not answer. The
 * open of a pipe that nobody writes to keeps a thread of libuv's pool, as such a read does.
 */

import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const { open } = fs;
fs.open = (path, ...rest) =>
  String(path).endsWith('labels.txt') ? open(process.env.HANGING_PIPE, 'r') : open(path, ...rest);
syncBuiltinESMExports();
