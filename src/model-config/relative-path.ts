/** File names in configurations and load requests: they may not lead out of the folder they are relative to. */

import { posix } from 'node:path';

/** The normalised path, or null when it is empty, absolute, leaves its folder or names the folder itself. */
export function pathWithin(path: string): string | null {
  if (path === '' || path.includes('\0') || posix.isAbsolute(path)) return null;
  const normal = posix.normalize(path);
  if (normal === '.' || normal === './' || normal === '..' || normal.startsWith('../')) return null;
  return normal;
}
