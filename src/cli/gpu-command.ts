/** `nereid gpu install`, `list` and `remove`: the GPU runtimes of this machine. */

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DriverDescription } from '../engine/driver.ts';
import { nearestName } from '../model-config/suggestion.ts';
import { printable } from '../observability/printable.ts';
import { netrcCredentials } from '../runtimes/credentials.ts';
import {
  type Installation,
  type InstallReport,
  installRuntime,
  type WheelSource,
} from '../runtimes/install-runtime.ts';
import { type InstalledRuntime, listRuntimes, removeRuntime, runtimesFolder } from '../runtimes/installed-runtimes.ts';
import { missingPieces } from '../runtimes/missing-pieces.ts';
import { readIndexSettings } from '../runtimes/pip-settings.ts';
import { defaultLockPath, readRuntimeLock } from '../runtimes/runtime-lock.ts';
import { WebClient } from '../runtimes/web-client.ts';
import { columns } from './table.ts';
import { type GpuArguments, parseGpuArguments } from './tool-arguments.ts';
import { UsageError } from './usage-error.ts';

/** The surroundings of the command, from `run-command.ts`. */
export interface GpuSurroundings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user's home folder. */
  readonly home: string;
  /** Such as `linux-x64`. */
  readonly platform: string;
  /** Writes the answer: text with line ends. */
  write(text: string): void;
  /** Throws when the addon is not built. */
  describeDriver(): DriverDescription;
  /** Shows how far an install is. */
  readonly report: InstallReport;
  readonly wait: (ms: number) => Promise<void>;
}

const actions = ['install', 'list', 'remove'] as const;

/** The exit code; rejects with a sentence for the user, or with a `UsageError`. */
export async function gpuCommand(words: readonly string[], surroundings: GpuSurroundings): Promise<number> {
  const [name = '', ...rest] = words;
  const action = actions.find((one) => one === name);
  if (action === undefined) {
    const meant = nearestName(name, actions);
    const given = name === '' ? 'nothing' : `'${name}'`;
    const hint = meant === null ? '' : `; did you mean ${meant}?`;
    throw new UsageError([`gpu expects install, list or remove but ${given} was given${hint}`]);
  }
  const given = parseGpuArguments(action, rest);
  const root =
    given.into === null ? runtimesFolder(surroundings.env, surroundings.home) : resolve(surroundings.cwd, given.into);
  switch (action) {
    case 'install':
      return install(given, root, surroundings);
    case 'list':
      return list(given, root, surroundings);
    case 'remove':
      return remove(given.names, root, surroundings);
  }
}

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;

function wheelSource({ from, indexUrl }: GpuArguments, { cwd, env, home }: GpuSurroundings): WheelSource {
  if (from !== null) return { kind: 'folder', path: resolve(cwd, from) };
  const settings = readIndexSettings(indexUrl, env, home);
  const { NETRC: netrcFile } = env;
  const netrc = textOf(netrcFile || join(home, '.netrc'));
  const credentialsFor = (url: URL) => netrcCredentials(netrc, url.hostname);
  return { kind: 'index', client: new WebClient({ ...settings, env, credentialsFor }), indexUrls: settings.indexUrls };
}

/** The text of a file; empty where it cannot be read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Without the file there are no credentials, and the index says so if it wants some.
    return '';
  }
}

async function install(given: GpuArguments, root: string, surroundings: GpuSurroundings): Promise<number> {
  const { platform, report, wait, cwd, write } = surroundings;
  const lock = readRuntimeLock(given.lockFile === null ? defaultLockPath : resolve(cwd, given.lockFile));
  const source = wheelSource(given, surroundings);
  const installation = await installRuntime({ lock, platform, source, root, report, wait });
  write(installedText(installation, given.into !== null, missingPieces(surroundings.describeDriver(), lock)));
  return 0;
}

function installedText(
  { name, folder, bytes, downloadedBytes, isNew }: Installation,
  isElsewhere: boolean,
  missing: readonly string[],
): string {
  const fetched = downloadedBytes > 0 ? `, ${gibibytes(downloadedBytes)} downloaded` : '';
  const first = isNew
    ? `installed ${name} in ${folder}: ${gibibytes(bytes)}${fetched}`
    : `${name} is installed in ${folder}`;
  const use = isElsewhere ? `set NEREID_RUNTIME=${folder} to use it` : 'nereid serve uses it from now on';
  const last = missing.length === 0 ? [use] : missing.map((piece) => `still missing: ${piece}`);
  return `${[first, ...(isElsewhere && missing.length > 0 ? [use] : []), ...last].join('\n')}\n`;
}

const runtimeRow = ({ name, bytes, folder, problem }: InstalledRuntime): readonly string[] => [
  name,
  gibibytes(bytes),
  folder,
  problem === null ? '' : `not usable: ${problem}`,
];

function list({ json }: GpuArguments, root: string, { platform, write }: GpuSurroundings): number {
  const runtimes = listRuntimes(root, platform);
  if (json) write(`${JSON.stringify({ folder: root, runtimes }, null, 2)}\n`);
  else if (runtimes.length === 0) write(`no GPU runtime in ${root}; nereid gpu install brings one\n`);
  else write(`${columns(runtimes.map(runtimeRow))}\n`);
  return 0;
}

function remove(names: readonly string[], root: string, { platform, write }: GpuSurroundings): number {
  const runtimes = listRuntimes(root, platform);
  const chosen = names.map((name) => {
    const runtime = runtimes.find((one) => one.name === name);
    if (runtime !== undefined) return runtime;
    const there = runtimes.map((one) => one.name).join(', ') || 'none';
    throw new Error(`there is no GPU runtime '${printable(name)}' in ${root}; installed: ${there}`);
  });
  for (const runtime of new Set(chosen)) {
    removeRuntime(runtime);
    write(`removed ${runtime.name}: ${gibibytes(runtime.bytes)} in ${runtime.folder}\n`);
  }
  return 0;
}
