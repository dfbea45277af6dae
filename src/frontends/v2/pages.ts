/**
 * Answers about all models of the server, a page of models at a time: there may be ten thousand of them. A page is read in one
 * moment and in a slice of its own; the answer as a whole is no snapshot. It has the models that there were when it began,
 * without those that have gone before their page.
 */

import type { ModelIndexEntry } from '../../lifecycle/model-index.ts';
import type { InferenceServer } from '../../server/inference-server.ts';
import type { SliceQueue } from '../slice-queue.ts';
import { type ModelStatisticsMessage, statisticsMessage } from './statistics-message.ts';

/** Models of a page: one takes a millisecond or two, with all that becomes of it. */
const statisticsModels = 64;
const indexModels = 512;

const statisticsWork = 'a page of statistics';

/** At least one page, which may be empty. Rejects as `readyNames` with the first one. */
export async function* statisticsPages(
  server: InferenceServer,
  version: string,
  slices: SliceQueue,
): AsyncGenerator<readonly ModelStatisticsMessage[], void, void> {
  const names = await server.readyNames(version);
  for (const page of pagesOf(names, statisticsModels)) {
    await slices.turn();
    const found = await slices.timed(statisticsWork, () => server.statisticsOf(page));
    yield slices.timed(statisticsWork, () => found.map(statisticsMessage));
  }
}

/** At least one page, which may be empty. Rejects as `indexNames` with the first one. */
export async function* indexPages(
  server: InferenceServer,
  readyOnly: boolean,
  slices: SliceQueue,
): AsyncGenerator<readonly ModelIndexEntry[], void, void> {
  const names = await server.indexNames();
  for (const page of pagesOf(names, indexModels)) {
    await slices.turn();
    yield await slices.timed('a page of the repository index', () => server.indexOf(page, readyOnly));
  }
}

function* pagesOf(names: readonly string[], size: number): Generator<readonly string[], void, void> {
  for (let at = 0; at === 0 || at < names.length; at += size) yield names.slice(at, at + size);
}
