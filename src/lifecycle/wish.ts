/**
 * A wish is the state that a source asks of a model. Sources are scans of a folder, calls, and the end of the server.
 */

import type { Sighting } from './repository-view.ts';

/** The origin of a wish, for the log: `needs` is a model that needs this one, `follow` a model that this one needs. */
export type WishOrigin = 'start' | 'call' | 'poll' | 'needs' | 'follow' | 'shutdown';

export interface LoadWish {
  readonly kind: 'load';
  readonly by: WishOrigin;
  /** Reads the files to serve. Called in the turn of this wish, so that wishes are fulfilled in order. */
  readonly look: () => Promise<Sighting>;
  /**
   * The fingerprint of the files that `look` would find; null if these are always new. A running load that this wish
   * makes pointless is cancelled; a load of the same files goes on.
   */
  readonly peek: (() => Promise<string>) | null;
}

export type EndWish =
  | { readonly kind: 'unload'; readonly by: WishOrigin }
  /** The model's folder has disappeared. */
  | { readonly kind: 'forget'; readonly by: WishOrigin };

export type Wish =
  | LoadWish
  | EndWish
  /** Other versions of a model that this one needs serve than before. */
  | { readonly kind: 'follow'; readonly by: WishOrigin };
