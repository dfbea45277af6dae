/** The soak's command line; the tests are in reload-cycles.ts and steady-traffic.ts. */

import { parseArgs } from 'node:util';

import { soakReloads } from './reload-cycles.ts';
import { soakTraffic } from './steady-traffic.ts';

const atLeastZero = (name: string, text: string): number => {
  const value = Number(text);
  if (!(value >= 0) || !Number.isFinite(value)) throw new Error(`--${name}: expected 0 or more, got '${text}'`);
  return value;
};

/** Resolves to the exit code: 0 when everything stayed flat and nothing failed. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cycles: { type: 'string', default: '200' },
      seconds: { type: 'string', default: '600' },
      requests: { type: 'string', default: '10000000' },
      'server-flag': { type: 'string', multiple: true, default: [] },
    },
  });
  const cycles = atLeastZero('cycles', values.cycles);
  const seconds = atLeastZero('seconds', values.seconds);
  const requests = atLeastZero('requests', values.requests);
  let isGood = true;
  if (cycles > 0) isGood = (await soakReloads(cycles, values['server-flag'])) && isGood;
  if (seconds > 0 && requests > 0) isGood = (await soakTraffic(seconds, requests, values['server-flag'])) && isGood;
  console.log(isGood ? '\nsoak: PASS' : '\nsoak: FAIL');
  return isGood ? 0 : 1;
}
