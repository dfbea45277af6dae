/** Names of inputs or outputs seen so far in a request: each may appear once (http.md §5.1). */

import { invalidArgument } from '../../errors.ts';

/** Up to this many names are compared one by one, which is cheaper than a set for the few that models have. */
const maxCompared = 8;

export class ListedNames {
  readonly #kind: 'input' | 'output';
  readonly #names: string[] = [];
  #set: Set<string> | null = null;

  constructor(kind: 'input' | 'output') {
    this.#kind = kind;
  }

  /** @throws InferenceError `invalid_argument` when the name was added before. */
  add(name: string): void {
    const names = this.#names;
    if (this.#set !== null ? this.#set.has(name) : names.includes(name)) {
      throw invalidArgument(`${this.#kind} '${name}' already exists in request`);
    }
    if (this.#set !== null) {
      this.#set.add(name);
      return;
    }
    names.push(name);
    if (names.length > maxCompared) this.#set = new Set(names);
  }
}
