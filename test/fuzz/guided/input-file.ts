/**
 * Inputs in a file: one a line, in base64, so that the file can be read, compared and merged line by line. What stands above
 * the line `# selection` was put there by hand and stays.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const mark = '# selection';

const linesOf = (path: string): string[] => (existsSync(path) ? readFileSync(path, 'latin1').split('\n') : []);

/** None where there is no such file. */
export function readInputs(path: string): Buffer[] {
  const lines = linesOf(path).filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => Buffer.from(line, 'base64'));
}

export function writeInputs(path: string, inputs: readonly Uint8Array[]): void {
  mkdirSync(dirname(path), { recursive: true });
  const before = linesOf(path);
  const kept = before.slice(0, before.indexOf(mark) + 1);
  // An empty input would be an empty line.
  const lines = inputs.map((bytes) => Buffer.from(bytes).toString('base64')).filter((line) => line !== '');
  writeFileSync(path, [...kept, ...lines].map((line) => `${line}\n`).join(''));
}
