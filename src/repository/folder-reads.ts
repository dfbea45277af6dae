/** How scans look at files and list folders. */

import { type BigIntStats, type Dirent, readdir, stat } from 'node:fs';

import { fileThreads } from '../file-threads.ts';
import { isAbsence } from './file-facts.ts';

export interface FolderReads {
  /** Null when it does not exist. Links are followed. */
  stat(path: string): Promise<BigIntStats | null>;
  /**
   * The entries of a folder.
   *
   * @param found the folder's facts, read before; null where they could not be
   */
  entries(path: string, found: BigIntStats | null): Promise<readonly Dirent[]>;
}

/** The calls with callbacks cost half of those with promises. */
export const statOrNull = (path: string): Promise<BigIntStats | null> =>
  fileThreads.folders(
    () =>
      new Promise((resolve, reject) =>
        stat(path, { bigint: true }, (error, found) => {
          if (error === null) resolve(found);
          else if (isAbsence(error)) resolve(null);
          else reject(error);
        }),
      ),
  );

const listFolder = (path: string): Promise<readonly Dirent[]> =>
  fileThreads.folders(
    () =>
      new Promise((resolve, reject) =>
        readdir(path, { withFileTypes: true }, (error, entries) => (error === null ? resolve(entries) : reject(error))),
      ),
  );

export const plainReads: FolderReads = { stat: statOrNull, entries: listFolder };
