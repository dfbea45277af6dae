/**
 * Searches for inputs that break a target, guided by what they reach: `npm run fuzz:guided -- --target=NAME --seconds=N`.
 * The sources were compiled to build/fuzz before; here counters are put into those of the target, and what is loaded is run.
 *
 *     --target=NAME   one of target-list.ts
 *     --seconds=60    how long
 *     --seed=N        of the changes; by default another one each time
 *     --found=FOLDER  where what was reached and what was found is kept from run to run; by default build/fuzz/found
 *     --unreached     tells at the end which branches were never reached, by lines of build/fuzz
 *     --keep          writes a small selection to test/fuzz/corpus, which the tests replay
 */

import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { hitsName, withCounters } from './branch-counters.ts';
import { Chance } from './chance.ts';
import { readInputs, writeInputs } from './input-file.ts';
import { Search } from './search.ts';
import { corpusPath, targets } from './target-list.ts';
import { watch } from './watch.ts';

/** Of the selection, before base64 makes it longer by a third. */
const maxKeptBytes = 15 * 1024;
const maxCounters = 1 << 14;

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    found: { type: 'string', default: 'build/fuzz/found' },
    unreached: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const name = values.target ?? '';
const listed = targets[name];
if (listed === undefined) throw new Error(`--target is one of ${Object.keys(targets).join(', ')}`);

/** Where everything was compiled to. */
const compiled = resolve(import.meta.dirname, '../../..');
// Where the sources look for it is relative to themselves.
if (!existsSync(join(compiled, 'proto'))) symlinkSync(resolve('proto'), join(compiled, 'proto'));

const hits = new Uint8ClampedArray(maxCounters);
(globalThis as unknown as Record<string, unknown>)[hitsName] = hits;
let counters = 0;
const places: string[] = [];
const words = new Set<string>();
for (const path of filesOf(join(compiled, 'src'), listed.counted)) {
  const counted = withCounters(readFileSync(path, 'utf8'), counters);
  writeFileSync(path, counted.text);
  counters += counted.count;
  places.push(...counted.lines.map((line) => `${relative(compiled, path)}:${line}`));
  for (const word of counted.words) words.add(word);
}
if (counters > maxCounters) throw new Error(`${counters} counters, at most ${maxCounters}`);

const target = await listed.load();
const foundPath = join(values.found, `${name}.txt`);
const search = new Search({
  target,
  hits,
  counters,
  words: [...words],
  inputs: [...readInputs(corpusPath(name)), ...readInputs(foundPath)],
  chance: new Chance(Number(values.seed)),
  onRun: watch(join(values.found, `${name}-endless.txt`), target.maxBytes),
  onFinding: ({ input, error }) => {
    const path = join(values.found, `${name}-finding-${Date.now()}.txt`);
    writeInputs(path, [input]);
    console.log(`FOUND in ${path}: ${error.stack}\n${JSON.stringify(input.toString('latin1'))}`);
  },
  onProgress: ({ runs }) => {
    if (runs >= nextTold) tell();
  },
});

let nextTold = 0;
const startMs = performance.now();
function tell(): void {
  const seconds = (performance.now() - startMs) / 1000;
  nextTold = search.runs * 1.5;
  const { reachedCount, featureCount, entries } = search.corpus;
  const speed = Math.round(search.runs / seconds);
  console.log(
    `${name}: ${search.runs} runs in ${Math.round(seconds)} s, ${speed} a second; ` +
      `${reachedCount} of ${search.branchCount} branches, ${featureCount} features, ${entries.length} inputs`,
  );
}

console.log(`${name}: seed ${values.seed}`);
await search.start();
await search.search(Number(values.seconds) * 1000);
tell();
writeInputs(
  foundPath,
  search.corpus.entries.map(({ bytes }) => bytes),
);
if (values.unreached) console.log(places.filter((_, i) => search.hasMissed(i)).join('\n'));
if (values.keep) writeInputs(corpusPath(name), search.corpus.distilled(maxKeptBytes));

/** JavaScript files that are listed, or lie below a folder that is. */
function filesOf(source: string, listing: readonly string[]): string[] {
  return listing.flatMap((path) => {
    if (path.endsWith('.js')) return [join(source, path)];
    const below = readdirSync(join(source, path), { recursive: true, encoding: 'utf8' });
    return below.filter((file) => file.endsWith('.js')).map((file) => join(source, path, file));
  });
}
