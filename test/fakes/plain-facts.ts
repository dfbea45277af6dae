/** The facts of files by a call of Node for each, in place of the addon's. */

import { stat } from 'node:fs';
import { factsOf, isAbsence, type ReadFacts } from '../../src/repository/file-facts.ts';

const statAnswer = (path: string): Promise<readonly bigint[]> =>
  new Promise((resolve) =>
    stat(path, { bigint: true }, (error, found) => {
      if (error === null) resolve(factsOf(found));
      else resolve(isAbsence(error) ? factsOf(null) : [BigInt(error.errno ?? -1), ...factsOf(null).slice(1)]);
    }),
  );

export const plainFacts: ReadFacts = async (paths) => {
  const asked = paths.split('\0').slice(0, -1);
  return BigInt64Array.from((await Promise.all(asked.map(statAnswer))).flat());
};
