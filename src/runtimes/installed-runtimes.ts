/** The GPU runtimes that `nereid gpu install` brought to this machine: where they are, which one serves, removing them. */

import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { LockedLibrary } from './runtime-lock.ts';

/** The file that describes an installed runtime, in its folder. */
export const manifestName = 'runtime.json';
export const runtimeLibraryName = 'libonnxruntime.so.1';

/** The content of the manifest; the libraries lie beside it. */
export interface RuntimeManifest {
  readonly release: string;
  readonly cuda: number;
  /** Such as `linux-x64`. */
  readonly platform: string;
  /** `project version sha256` of each wheel. */
  readonly wheels: readonly string[];
  readonly libraries: readonly Pick<LockedLibrary, 'name' | 'bytes'>[];
}

export interface InstalledRuntime {
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  /** Of the libraries; 0 when the manifest cannot be read. */
  readonly bytes: number;
  /** Null when the runtime can be used, else a sentence on what is wrong. */
  readonly problem: string | null;
  readonly manifest: RuntimeManifest | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The folder of runtimes of this user: `$XDG_CACHE_HOME/nereid/runtime`, or below ~/.cache. */
export function runtimesFolder(env: Environment, home: string): string {
  const { XDG_CACHE_HOME: cache = '' } = env;
  // The specification wants a relative path ignored.
  return join(cache.startsWith('/') ? cache : join(home, '.cache'), 'nereid', 'runtime');
}

const isManifest = (value: RuntimeManifest | null): value is RuntimeManifest =>
  typeof value?.release === 'string' &&
  typeof value.cuda === 'number' &&
  typeof value.platform === 'string' &&
  Array.isArray(value.wheels) &&
  Array.isArray(value.libraries);

function readManifest(folder: string): RuntimeManifest | null {
  try {
    const value = JSON.parse(readFileSync(join(folder, manifestName), 'utf8')) as RuntimeManifest | null;
    return isManifest(value) ? value : null;
  } catch {
    // Missing, cut short or not readable: all the same for whoever looks for a runtime.
    return null;
  }
}

function problemOf(folder: string, manifest: RuntimeManifest | null, platform: string): string | null {
  if (manifest === null) return `${manifestName} is missing or malformed`;
  if (manifest.platform !== platform) return `it is for ${manifest.platform}, this is ${platform}`;
  const wrong = manifest.libraries.find(
    ({ name, bytes }) => statSync(join(folder, name), { throwIfNoEntry: false })?.size !== bytes,
  );
  return wrong === undefined ? null : `${wrong.name} is missing or not whole`;
}

/** The runtime in a folder; null where none was installed. */
export function readRuntime(folder: string, name: string, platform: string): InstalledRuntime | null {
  if (!existsSync(folder)) return null;
  const manifest = readManifest(folder);
  const bytes = manifest?.libraries.reduce((sum, library) => sum + library.bytes, 0) ?? 0;
  return { name, folder, bytes, problem: problemOf(folder, manifest, platform), manifest };
}

const runtimeFolder = /^\d+(\.\d+)+-cuda\d+$/;

/** Newest release first, numbers compared as numbers. */
const newestFirst = new Intl.Collator('en', { numeric: true });

/** The runtimes in the folder of runtimes, newest release first; also those that cannot be used. */
export function listRuntimes(root: string, platform: string): readonly InstalledRuntime[] {
  const names = existsSync(root) ? readdirSync(root).filter((name) => runtimeFolder.test(name)) : [];
  return names
    .sort((a, b) => newestFirst.compare(b, a))
    .map((name) => readRuntime(join(root, name), name, platform))
    .filter((runtime) => runtime !== null);
}

/** Removes a runtime: at once for everybody who looks for one, then from the disk. Servers that use it go on. */
export function removeRuntime({ folder }: InstalledRuntime): void {
  const aside = `${folder}.removed-${process.pid}`;
  rmSync(aside, { recursive: true, force: true });
  renameSync(folder, aside);
  rmSync(aside, { recursive: true, force: true });
}
