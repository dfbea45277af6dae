/** File names in configurations and load requests: they must not lead out of the folder to which they are relative. */

import { posix } from 'node:path';

/** The normalised path, or null when it is empty, absolute, leaves its folder or names the folder itself. */
export function pathWithin(path: string): string | null {
  if (path === '' || path.includes('\0') || posix.isAbsolute(path)) return null;
  const normal = posix.normalize(path);
  if (normal === '.' || normal === './' || normal === '..' || normal.startsWith('../')) return null;
  return normal;
}
