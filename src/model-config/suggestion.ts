/** "Did you mean …?": the known name nearest to one that was given. */

/** Longer names are not compared, which bounds the work. */
const longestName = 64;

/** `, did you mean 'x'?` or '' when no name is near: at most a third of its letters differ. */
export function didYouMean(given: string, known: Iterable<string>): string {
  const nearest = nearestName(given, known);
  return nearest === null ? '' : `, did you mean '${nearest}'?`;
}

export function nearestName(given: string, known: Iterable<string>): string | null {
  if (given.length > longestName) return null;
  const wanted = normal(given);
  let nearest: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const name of known) {
    if (name.length > longestName) continue;
    const distance = editDistance(wanted, normal(name));
    if (distance < least && distance <= Math.max(1, Math.floor(name.length / 3))) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

/** camelCase, dashes and capitals are the same name misspelled. */
const normal = (name: string): string => name.toLowerCase().replaceAll(/[-_ ]/g, '');

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
