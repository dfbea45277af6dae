/** Wishes: what a source asks a model to be. Sources are scans of a folder, calls, and the end of the server. */

import type { Sighting } from './repository-view.ts';

/** Who wishes, for the log. */
export type WishOrigin = 'start' | 'call' | 'poll' | 'shutdown';

export interface LoadWish {
  readonly kind: 'load';
  readonly by: WishOrigin;
  /** Reads what is to be served; called in the turn of this wish, so that wishes are fulfilled in their order. */
  readonly look: () => Promise<Sighting>;
  /**
   * The fingerprint of what `look` would find; null when that is always something new. A load under way that this wish
   * makes pointless is ended; one of the same files goes on.
   */
  readonly peek: (() => Promise<string>) | null;
}

export type Wish =
  | LoadWish
  | { readonly kind: 'unload'; readonly by: WishOrigin }
  /** The model's folder is gone. */
  | { readonly kind: 'forget'; readonly by: WishOrigin };
