/** The entry of a model in the repository index. */

export type IndexState = 'UNKNOWN' | 'READY' | 'UNAVAILABLE' | 'LOADING' | 'UNLOADING';

/** `version`, `state` and `reason` are '' for a folder that was never loaded. */
export interface ModelIndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: IndexState | '';
  readonly reason: string;
}
