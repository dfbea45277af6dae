/** Lists that are filled and emptied again and again. */

/**
 * Empties a list and keeps its room for the next entries. `length = 0` is a call into V8's runtime, and takes the room
 * away.
 */
export function clearForReuse(list: unknown[]): void {
  for (let left = list.length; left > 0; left--) list.pop();
}
