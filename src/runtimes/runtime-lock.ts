/**
 * The lock file of the GPU runtime: the wheels it consists of, by name, size and SHA-256, and the libraries that are
 * taken from each. `gpu-runtime.lock.json` in the root of the package is the one that this version was made for;
 * `scripts/lock-gpu-runtime.mjs` writes it.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { failedPrecondition } from '../errors.ts';

/** A shared library inside a wheel. */
export interface LockedLibrary {
  /** Its path in the archive. */
  readonly path: string;
  /** The file name it gets in the runtime's folder: the name by which other libraries ask for it. */
  readonly name: string;
  readonly bytes: number;
}

export interface LockedWheel {
  /** The name of the project in the package index, normalised. */
  readonly project: string;
  readonly version: string;
  /** The file name of the wheel. */
  readonly file: string;
  readonly bytes: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
  readonly libraries: readonly LockedLibrary[];
  /** Paths in the archive of the licences, which are unpacked beside the libraries. */
  readonly licences: readonly string[];
}

export interface RuntimeLock {
  /** The release of ONNX Runtime. */
  readonly release: string;
  /** The major version of CUDA. */
  readonly cuda: number;
  /** The oldest driver with which this version of CUDA starts. */
  readonly minimumDriver: string;
  /** The oldest GPU for which the provider has code. */
  readonly minimumComputeCapability: number;
  /** By platform and processor as Node names them, such as `linux-x64`. */
  readonly platforms: Readonly<Record<string, readonly LockedWheel[]>>;
}

/** The same path from `src/runtimes` and from `dist/runtimes`. */
export const defaultLockPath = fileURLToPath(new URL('../../gpu-runtime.lock.json', import.meta.url));

const fileName = /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/;
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isFileName = (value: unknown): boolean => isText(value) && fileName.test(value);
const isPath = (value: unknown): boolean => isText(value) && isFileName(value.slice(value.lastIndexOf('/') + 1));
const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 0;
const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** The fields of a JSON object; none for anything else. */
const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

function libraryProblem(value: unknown): string | null {
  const { path, name, bytes } = fieldsOf(value);
  if (!isPath(path)) return 'path must be a path';
  if (!isFileName(name)) return 'name must be a file name';
  return isSize(bytes) ? null : 'bytes must be a positive whole number';
}

function wheelProblem(value: unknown): string | null {
  const { project, version, file, bytes, sha256, libraries, licences } = fieldsOf(value);
  if (!isText(project) || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(project)) return 'project must be a normalised name';
  if (!isFileName(version)) return `version of ${project} must be a text`;
  if (!isFileName(file) || !String(file).endsWith('.whl')) return `file of ${project} must be the name of a wheel`;
  if (!isSize(bytes)) return `bytes of ${project} must be a positive whole number`;
  if (!isText(sha256) || !/^[0-9a-f]{64}$/.test(sha256)) return `sha256 of ${project} must be 64 hexadecimal digits`;
  if (!isList(licences) || !licences.every(isPath)) return `licences of ${project} must be a list of paths`;
  if (!isList(libraries) || libraries.length === 0) return `libraries of ${project} must be a list`;
  const problem = libraries.map(libraryProblem).find((one) => one !== null);
  return problem === undefined ? null : `a library of ${project}: ${problem}`;
}

/** The first thing wrong with a lock file; null for a valid one. */
function lockProblem(value: unknown): string | null {
  const { release, cuda, minimumDriver, minimumComputeCapability, platforms } = fieldsOf(value);
  if (!isText(release) || !/^\d+(\.\d+)+$/.test(release)) return 'release must be a version such as 1.31.1';
  if (!isSize(cuda)) return 'cuda must be a major version';
  if (!isText(minimumDriver) || !/^\d+(\.\d+)*$/.test(minimumDriver)) return 'minimumDriver must be a version';
  if (typeof minimumComputeCapability !== 'number') return 'minimumComputeCapability must be a number';
  const lists = Object.values(fieldsOf(platforms));
  if (lists.length === 0 || !lists.every(isList)) return 'platforms must have lists of wheels';
  for (const wheels of lists as readonly (readonly unknown[])[]) {
    const problem = wheels.map(wheelProblem).find((one) => one !== null);
    if (problem !== undefined) return problem;
    const names = (wheels as readonly LockedWheel[]).flatMap(({ libraries }) => libraries.map(({ name }) => name));
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) return `${twice} is there twice`;
  }
  return null;
}

/** Reads a lock file. Throws `failed_precondition` when it cannot be read or is malformed. */
export function readRuntimeLock(path: string): RuntimeLock {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw failedPrecondition(`the lock file '${path}' cannot be read: ${reason}`, error);
  }
  const problem = lockProblem(value);
  if (problem !== null) throw failedPrecondition(`the lock file '${path}' is malformed: ${problem}`);
  return value as RuntimeLock;
}

/** The wheels for a platform such as `linux-x64`. Throws `failed_precondition` where there are none. */
export function wheelsFor(lock: RuntimeLock, platform: string): readonly LockedWheel[] {
  const wheels = Object.hasOwn(lock.platforms, platform) ? lock.platforms[platform] : undefined;
  if (wheels === undefined || wheels.length === 0) {
    const known = Object.keys(lock.platforms).join(', ');
    throw failedPrecondition(`there is no GPU runtime for ${platform}; ONNX Runtime is built with CUDA for ${known}`);
  }
  return wheels;
}

/** The name of a runtime, and of its folder. */
export const runtimeName = ({ release, cuda }: Pick<RuntimeLock, 'release' | 'cuda'>): string =>
  `${release}-cuda${cuda}`;
