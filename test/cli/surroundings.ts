import type { Surroundings } from '../../src/cli/repository-arguments.ts';

/** A machine on which `/srv` is the working directory and these folders exist. */
export const surroundings = (
  folders: readonly string[] = ['/srv/models', '/models'],
  env: Readonly<Record<string, string>> = {},
): Surroundings => ({
  env,
  cwd: '/srv',
  version: '1.2.3',
  isFolder: (path) => folders.includes(path),
  cpuCores: 2,
  memoryBytes: 64 * 2 ** 30,
});
