// Checks whether a program is installed.

import { spawnSync } from 'node:child_process';

/** What it says of its version, or null when it cannot be run. */
export function commandVersion(command, args = ['--version']) {
  const asked = spawnSync(command, args, { encoding: 'utf8' });
  return asked.status === 0 ? asked.stdout : null;
}
