/** The result of scanning one model's folder, ready to be loaded, and how it differs from an earlier scan. */

import { join } from 'node:path';

import { alreadyExists, InferenceError, internal, toInferenceError, unavailable } from '../errors.ts';
import { versionPolicyOf } from '../model-config/effective/build-config.ts';
import { faultsWithoutModel } from '../model-config/inspect-config.ts';
import type { ModelConfig } from '../model-config/model-config.ts';
import { type ConfigQuery, type ConfigSource, readConfigMessage } from '../model-config/resolve-config.ts';
import type { ConfigMessage } from '../model-config/schema/config-message.ts';
import { differenceBetween } from '../repository/difference.ts';
import { duplicateProblem, type ModelFolder, readConfigSource } from '../repository/layout.ts';
import { hintForModel } from '../repository/misplaced-files.ts';
import { selectVersions, type VersionSelection } from '../repository/version-policy.ts';
import type { ModelSource, SourceChange } from './model-source.ts';
import type { ModelVersion } from './model-version.ts';
import {
  configSettings,
  type LoadVersion,
  type ModelRef,
  type ServableKind,
  type ServableTools,
  type VersionTask,
} from './servable.ts';
import { WithoutVersionError, withoutVersionText } from './without-version.ts';

/** The parts of the server that reading and loading a folder needs. */
export interface SourceTools extends ServableTools {
  readonly kinds: readonly ServableKind[];
}

export class DiskSource implements ModelSource {
  readonly versions: readonly number[];
  readonly needs: readonly ModelRef[];
  readonly #folder: ModelFolder;
  readonly #config: ConfigSource;
  readonly #message: ConfigMessage;
  readonly #kind: ServableKind;
  readonly #tools: SourceTools;
  readonly #release: () => Promise<void>;

  private constructor(
    folder: ModelFolder,
    config: ConfigSource,
    message: ConfigMessage,
    tools: SourceTools,
    release: () => Promise<void>,
  ) {
    this.#folder = folder;
    this.#config = config;
    this.#message = message;
    this.#tools = tools;
    this.#release = release;
    this.#kind = kindOf(message, tools.kinds);
    this.needs = this.#kind.needs(message);
    this.versions = versionsToServe(folder, message, this.#kind).versions;
  }

  /**
   * Reads the configuration of a scanned folder.
   *
   * @param override a configuration to use in place of the folder's own; null for its own
   * @param release  frees the folder when it is a temporary one
   */
  static async read(
    folder: ModelFolder,
    override: ConfigSource | null,
    tools: SourceTools,
    release: () => Promise<void> = () => Promise.resolve(),
  ): Promise<DiskSource> {
    if (folder.problem === duplicateProblem) throw alreadyExists(folder.problem);
    if (folder.problem !== null) throw unavailable(folder.problem);
    const { logger } = tools;
    for (const warning of folder.warnings) logger.warn({ model: folder.name }, warning);
    const config = override ?? (await readConfigSource(folder));
    const query = { modelName: folder.name, source: config, settings: configSettings(tools) };
    const message = await readWholeConfig(folder, query, tools.kinds);
    return new DiskSource(folder, config, message, tools, release);
  }

  loader(version: number): LoadVersion {
    return (...progress) => this.#kind.load(this.#task(version), this.#tools, ...progress);
  }

  configFor(version: ModelVersion): ModelConfig {
    const signature = version.loaded?.signature;
    const config = signature && this.#kind.configFor?.(this.#task(version.version), this.#tools, signature);
    if (!config) throw internal(`version ${version.version} of model '${version.model}' cannot be changed in place`);
    return config;
  }

  changeSince(before: ModelSource): SourceChange {
    if (!(before instanceof DiskSource) || before.#folder.path !== this.#folder.path) {
      return { reloads: () => true, adjustsInstances: false };
    }
    const difference = differenceBetween(
      { message: before.#message, fingerprint: before.#folder.fingerprint },
      { message: this.#message, fingerprint: this.#folder.fingerprint },
    );
    const reloadsAll = difference.reloadsAll || (difference.changesInstances && !this.#kind.configFor);
    return {
      reloads: (version) => reloadsAll || difference.changedVersions.includes(version),
      adjustsInstances: !reloadsAll && difference.changesInstances,
    };
  }

  release(): Promise<void> {
    return this.#release();
  }

  #task(version: number): VersionTask {
    return taskFor(this.#folder, version, this.#config, this.#message);
  }
}

/** @param message `config` with names completed */
export const taskFor = (
  { name, path }: ModelFolder,
  version: number,
  config: ConfigSource,
  message: ConfigMessage,
): VersionTask => ({
  model: name,
  version,
  modelFolder: path,
  versionFolder: join(path, String(version)),
  config,
  message,
});

/** The first kind that matches the configuration. @param message as written, with names completed */
export function kindOf(message: ConfigMessage, kinds: readonly ServableKind[]): ServableKind {
  const kind = kinds.find((candidate) => candidate.matches(message));
  if (kind) return kind;
  throw internal('no kind of servable takes a configuration that has passed the checks');
}

/** The versions of a folder that its policy selects. */
export function versionsToServe(folder: ModelFolder, message: ConfigMessage, kind: ServableKind): VersionSelection {
  const available = folder.versions.length > 0 ? folder.versions : kind.impliedVersions;
  return selectVersions(versionPolicyOf(message), available);
}

/**
 * The configuration of a folder that has a version to serve. A fault that keeps the model
 * from being loaded at all (no version, a configuration for another name) does not hide the other faults of the
 * configuration, so that a user can mend them all at once.
 *
 * @throws InferenceError with all faults, and with advice where there is no version
 */
export async function readWholeConfig(
  folder: ModelFolder,
  query: ConfigQuery,
  kinds: readonly ServableKind[],
): Promise<ConfigMessage> {
  let message: ConfigMessage | null = null;
  let failure: InferenceError | null = null;
  try {
    message = readConfigMessage(query);
  } catch (error) {
    failure = toInferenceError(error);
  }
  const noVersion = await noVersionText(folder, message, kinds);
  if (message !== null && noVersion === null) return message;
  const faults = failure?.code === 'unimplemented' ? [failure.message] : faultsWithoutModel(query);
  if (noVersion !== null && faults.length === 0) throw new WithoutVersionError(noVersion);
  const texts = [...(noVersion === null ? [] : [noVersion]), ...faults];
  throw new InferenceError(failure?.code ?? 'invalid_argument', texts.join('; '), failure ?? undefined);
}

/** Triton's sentence and advice; null when there is a version. */
async function noVersionText(
  folder: ModelFolder,
  message: ConfigMessage | null,
  kinds: readonly ServableKind[],
): Promise<string | null> {
  const { name, path, versions } = folder;
  const sentence = withoutVersionText(name);
  const kind = message && kindOf(message, kinds);
  if (versions.length === 0 && !kind?.impliedVersions.length) return `${sentence}: ${await hintForModel(path, name)}`;
  if (message === null || kind === null) return null;
  const selection = versionsToServe(folder, message, kind);
  if (selection.versions.length > 0) return null;
  return `${sentence}: it asks for ${selection.missing.join(', ')}, the folder has ${versions.join(', ')}`;
}
