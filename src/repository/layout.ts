/**
 * The contents of the model repositories: for each model its folder, configuration file, version folders and
 * fingerprint. A model that cannot be read is reported and harms no other.
 * A repository that cannot be read at all is an error, because an empty result would take its models out of service.
 */

import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';

import { InferenceError, unavailable } from '../errors.ts';
import { fileThreads } from '../file-threads.ts';
import type { ConfigSource } from '../model-config/resolve-config.ts';
import { maxConfigBytes } from '../model-config/syntax/text-format.ts';
import { quoted } from '../shown-text.ts';
import { digestOf, type ModelFingerprint, TreeReader } from './fingerprint.ts';
import { type FolderReads, plainReads, statOrNull } from './folder-reads.ts';
import { forEachBounded } from './for-each-bounded.ts';
import { isModelName, systemFolders } from './misplaced-files.ts';
import { isFolderName } from './model-name.ts';
import { readRegularFile } from './read-file.ts';

export interface ModelFolder {
  readonly name: string;
  /** Absolute when the repository's path is; not resolved, so that a swapped link leads to the new files. */
  readonly path: string;
  /** `config.pbtxt`, or `configs/<name>.pbtxt` where one is asked for and there; null when there is neither. */
  readonly configPath: string | null;
  /** Ascending. */
  readonly versions: readonly number[];
  /** Null, or why the folder is no model; then there are no versions. */
  readonly problem: string | null;
  /**
   * False when it has no sign of a model: no version, no configuration, no model file in the wrong place. Such a folder
   * is skipped, like folders that begin with a dot.
   */
  readonly holdsModel: boolean;
  /** Entries that were skipped, a sentence each. */
  readonly warnings: readonly string[];
  readonly fingerprint: ModelFingerprint;
}

export interface ScanOptions {
  /** `--model-config-name`, or null. */
  readonly configName: string | null;
}

/** Scans one model's folder, or knows how it is; `read` scans it anew. */
export type ScanOneModel = (path: string, read: (reads: FolderReads) => Promise<ModelFolder>) => Promise<ModelFolder>;

const scanAnew: ScanOneModel = (_, read) => read(plainReads);

/** The problem of a model whose folder is in several repositories, which is ambiguous. */
export const duplicateProblem = 'model appears in two or more repositories';

/** Models that are read at the same time. */
const scanConcurrency = 16;

/** Folders in the model's folder that are no versions and need no warning. */
const knownFolders: ReadonlySet<string> = new Set(['warmup', 'initial_state', 'configs']);

/**
 * All models of all repositories, sorted by name. @throws InferenceError unavailable when a repository cannot be read
 */
export async function scanRepositories(
  repositories: readonly string[],
  options: ScanOptions,
  scanOne: ScanOneModel = scanAnew,
): Promise<ReadonlyMap<string, ModelFolder>> {
  const paths = await modelPaths(repositories);
  const models: ModelFolder[] = [];
  await forEachBounded([...paths], scanConcurrency, async ([name, found]) => {
    const model = await scanFound(name, found, options, scanOne);
    if (model !== null) models.push(model);
  });
  models.sort((a, b) => (a.name < b.name ? -1 : 1));
  return new Map(models.map((model) => [model.name, model]));
}

/**
 * Whether a repository has a folder that is a model, or looks like one; reads folders until it finds one.
 *
 * @throws InferenceError as `scanRepositories`
 */
export async function holdsAnyModel(repository: string, options: ScanOptions): Promise<boolean> {
  for (const [name, found] of await modelPaths([repository])) {
    if ((await scanFound(name, found, options, scanAnew))?.holdsModel) return true;
  }
  return false;
}

/** One model of all repositories; null when none has a folder of that name. */
export async function scanModel(
  repositories: readonly string[],
  name: string,
  options: ScanOptions,
): Promise<ModelFolder | null> {
  if (!isFolderName(name) || name.startsWith('.')) return null;
  const found: string[] = [];
  for (const repository of repositories) {
    const path = join(repository, name);
    if ((await statOrNull(path))?.isDirectory()) found.push(path);
  }
  return found.length === 0 ? null : scanFound(name, found, options, scanAnew);
}

/** The model in this folder, whatever repository it is in or none. */
export async function scanFolder(
  name: string,
  path: string,
  options: ScanOptions,
  reads: FolderReads = plainReads,
): Promise<ModelFolder> {
  try {
    return await readFolder(name, path, options, reads);
  } catch (error) {
    return unreadable(name, path, `${subjectOf(error, path)}${problemText(error)}`);
  }
}

/** Names of all model folders, sorted. @throws InferenceError unavailable when a repository cannot be read */
export async function listModelNames(repositories: readonly string[]): Promise<readonly string[]> {
  return [...(await modelPaths(repositories)).keys()].sort();
}

/** The configuration of a scanned model. @throws InferenceError as `readRegularFile` */
export async function readConfigSource(model: ModelFolder): Promise<ConfigSource> {
  const { configPath: path, name } = model;
  if (path === null) return { kind: 'none' };
  const subject = `${basename(path)} of model '${name}'`;
  return { kind: 'file', path, text: await readRegularFile(path, { subject, maxBytes: maxConfigBytes }) };
}

/** For the log: a folder that holds no model. */
export const passedOverText = (name: string): string =>
  `folder ${quoted(name)} is passed over: it has no version, no config.pbtxt and no model file`;

async function modelPaths(repositories: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const paths = new Map<string, string[]>();
  for (const repository of repositories) {
    for (const entry of await repositoryEntries(repository)) {
      const path = join(repository, entry.name);
      if (entry.name.startsWith('.') || systemFolders.has(entry.name)) continue;
      if (!entry.isDirectory() && !(await isFolder(entry, path, plainReads))) continue;
      const known = paths.get(entry.name);
      if (known === undefined) paths.set(entry.name, [path]);
      else known.push(path);
    }
  }
  return paths;
}

async function repositoryEntries(repository: string): Promise<readonly Dirent[]> {
  try {
    return await fileThreads.folders(() => readdir(repository, { withFileTypes: true }));
  } catch (error) {
    throw unavailable(`model repository ${quoted(basename(repository))} ${problemText(error)}`, error);
  }
}

/** Links are followed: model folders are often mounted as links. One that cannot be followed is no folder. */
async function isFolder(entry: Dirent, path: string, { stat }: FolderReads): Promise<boolean> {
  if (entry.isDirectory()) return true;
  if (!entry.isSymbolicLink()) return false;
  return (await stat(path).catch(() => null))?.isDirectory() ?? false;
}

async function scanFound(
  name: string,
  paths: readonly string[],
  options: ScanOptions,
  scanOne: ScanOneModel,
): Promise<ModelFolder | null> {
  const [path] = paths;
  if (path === undefined) return null;
  if (paths.length > 1) return unreadable(name, path, duplicateProblem);
  return scanOne(path, (reads) => scanFolder(name, path, options, reads));
}

async function readFolder(name: string, path: string, options: ScanOptions, reads: FolderReads): Promise<ModelFolder> {
  const reader = new TreeReader(reads);
  const entries = await reader.top(path);
  const { configPath, config } = await findConfig(path, options.configName, entries, reader, reads);
  const versions = new Map<number, string>();
  const others: string[] = [];
  const warnings: string[] = [];
  let hasModelFile = false;
  for (const entry of entries) {
    const inside = join(path, entry.name);
    if (entry.name.startsWith('.') || entry.name === 'configs' || entry.name === 'config.pbtxt') continue;
    if (!(await isFolder(entry, inside, reads))) {
      others.push(`${entry.name} ${(await reader.file(inside)) ?? 'missing'}`);
      hasModelFile ||= isModelName(entry.name);
      continue;
    }
    const version = versionOf(entry.name);
    if (version !== null) {
      versions.set(version, await reader.tree(inside));
      continue;
    }
    if (!knownFolders.has(entry.name)) {
      warnings.push(`folder ${quoted(entry.name)} is no version: expected a positive integer without leading zeros`);
    }
    others.push(`${entry.name}/ ${await reader.tree(inside)}`);
    hasModelFile ||= (await listing(inside, reads)).some((inner) => isModelName(inner.name));
  }
  const parts = { config, versions, others: digestOf(others) };
  const fingerprint = { ...parts, whole: wholeOf(parts), newestMs: reader.newestMs };
  const ascending = [...versions.keys()].sort((a, b) => a - b);
  const holdsModel = configPath !== null || ascending.length > 0 || hasModelFile;
  return { name, path, configPath, versions: ascending, problem: null, holdsModel, warnings, fingerprint };
}

/** The configuration file and its line of the fingerprint. */
async function findConfig(
  folder: string,
  configName: string | null,
  entries: readonly Dirent[],
  reader: TreeReader,
  reads: FolderReads,
): Promise<{ readonly configPath: string | null; readonly config: string }> {
  const names = configName === null || !isFolderName(configName) ? [] : [join('configs', `${configName}.pbtxt`)];
  for (const name of [...names, 'config.pbtxt']) {
    const configPath = join(folder, name);
    const line = await reader.file(configPath);
    // Also when it is no regular file or a link that leads nowhere: reading it reports that, and the model must not be
    // served without its configuration.
    if (line !== null || (await isListed(name, folder, entries, reads))) {
      return { configPath, config: `${basename(name)} ${line ?? 'missing'}` };
    }
  }
  return { configPath: null, config: '' };
}

/** Whether there is an entry of this name, be it a link that leads nowhere. */
async function isListed(
  name: string,
  folder: string,
  entries: readonly Dirent[],
  reads: FolderReads,
): Promise<boolean> {
  const place = dirname(name);
  const isHere = (entry: Dirent): boolean => entry.name === basename(name);
  if (place === '.') return entries.some(isHere);
  if (!entries.some((entry) => entry.name === place)) return false;
  const inside = join(folder, place);
  return (await reads.stat(inside))?.isDirectory() === true && (await listing(inside, reads)).some(isHere);
}

const listing = async (folder: string, reads: FolderReads): Promise<readonly Dirent[]> =>
  reads.entries(folder, await reads.stat(folder));

/** Null for names that are no version; leading zeros would make two names of one number. */
function versionOf(name: string): number | null {
  if (!/^[1-9][0-9]*$/.test(name)) return null;
  const version = Number(name);
  return Number.isSafeInteger(version) ? version : null;
}

function wholeOf(parts: Pick<ModelFingerprint, 'config' | 'versions' | 'others'>): string {
  const versions = [...parts.versions].map(([version, tree]) => `${version} ${tree}`);
  return digestOf([`config ${parts.config}`, `others ${parts.others}`, ...versions]);
}

function unreadable(name: string, path: string, problem: string): ModelFolder {
  const parts = { config: '', versions: new Map<number, string>(), others: digestOf([problem]) };
  const fingerprint = { ...parts, whole: wholeOf(parts), newestMs: 0 };
  return { name, path, configPath: null, versions: [], problem, holdsModel: true, warnings: [], fingerprint };
}

/** What of a model's folder cannot be read; '' where the error says it. */
function subjectOf(error: unknown, folder: string): string {
  if (error instanceof InferenceError) return '';
  const failed = error instanceof Error && 'path' in error ? relative(folder, String(error.path)) : '';
  return failed === '' || failed.startsWith('..') ? "the model's folder " : `${quoted(failed)} in the model's folder `;
}

/** The rest of a sentence, without paths. */
function problemText(error: unknown): string {
  if (error instanceof InferenceError) return error.message;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
  if (code === 'ENOENT') return 'cannot be read: it does not exist (ENOENT)';
  if (code === 'EACCES' || code === 'EPERM') return `cannot be read: permission denied (${code})`;
  if (code === 'ENOTDIR') return 'cannot be read: it is no folder (ENOTDIR)';
  return `cannot be read (${code})`;
}
