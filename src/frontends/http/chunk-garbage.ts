/**
 * Node's parser makes a buffer for every piece of a body, 64 KiB each, which are garbage when they have been copied. Small
 * collections free them in a millisecond, but V8 begins one at 32 MiB of them and at 64 MiB, which come before the memory of
 * the first counts as free, marks the whole heap. Small collections in time avoid that: a trace with images had 2 markings
 * instead of 26. What that saves in CPU is not settled (docs/decisions/0011-http-1-parser.md).
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Far below what V8 waits for, and some twenty images. */
const collectBytes = 12 * 1024 * 1024;

export class ChunkGarbage {
  readonly #collect: () => void;
  #bytes = 0;

  /** @param collect frees what died young. */
  constructor(collect: () => void = collectYoung) {
    this.#collect = collect;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < collectBytes) return;
    this.#bytes = 0;
    this.#collect();
  }
}

type Collector = (options: { readonly type: 'minor' }) => void;

let collector: Collector | null = null;

/** Node shows the collector only to those who start it with a flag; a context that is made while the flag is set has it too. */
function collectYoung(): void {
  collector ??= foundCollector();
  collector({ type: 'minor' });
}

function foundCollector(): Collector {
  setFlagsFromString('--expose-gc');
  const found: unknown = runInNewContext('globalThis.gc');
  setFlagsFromString('--no-expose-gc');
  return typeof found === 'function' ? (found as Collector) : () => undefined;
}
