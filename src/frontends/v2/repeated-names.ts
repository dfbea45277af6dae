/** Names of inputs or outputs of a request: each may appear once. */

import { type InferenceError, invalidArgument } from '../../errors.ts';
import { requestPrefix } from '../../inference/request-prefix.ts';
import { shownText } from '../../shown-text.ts';

/** Up to this many names, comparing all pairs is cheaper than a set. */
const maxCompared = 16;

interface Named {
  readonly name: string;
}

/**
 * @param id of the request, for the text.
 * @throws InferenceError `invalid_argument` when a name is repeated.
 */
export function refuseRepeated(named: readonly Named[], kind: 'input' | 'output', id: string): void {
  if (named.length > maxCompared) {
    const seen = new Set<string>();
    for (const { name } of named) {
      if (seen.has(name)) throw repeated(kind, name, id);
      seen.add(name);
    }
    return;
  }
  for (let i = 1; i < named.length; i++) {
    const { name } = named[i] as Named;
    for (let k = 0; k < i; k++) if ((named[k] as Named).name === name) throw repeated(kind, name, id);
  }
}

const repeated = (kind: string, name: string, id: string): InferenceError =>
  invalidArgument(`${requestPrefix(id)}${kind} '${shownText(name)}' already exists in request`);
