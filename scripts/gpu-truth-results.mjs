// The results of gpu-truth.sh as one JSON text on standard output: its parts, and the reports of the benches among them.
//
//   gpu-truth-results.mjs PARTS_FILE REPORTS_FOLDER
//
// PARTS_FILE has a line `NAME RC SECONDS` for each part that was begun or left out (RC is then `skip`).

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [partsFile, folder] = process.argv.slice(2);
const parts = readFileSync(partsFile, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [name, rc, seconds] = line.split(' ');
    return { name, rc: rc === 'skip' ? null : Number(rc), seconds: Number(seconds) };
  });
const reports = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
console.log(JSON.stringify({ parts, reports }, null, 1));
