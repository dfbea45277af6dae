/** One look at a model's folder as something that can be loaded, and what differs from an earlier look. */

import { join } from 'node:path';

import { alreadyExists, InferenceError, internal, toInferenceError, unavailable } from '../errors.ts';
import { versionPolicyOf } from '../model-config/build-config.ts';
import { faultsWithoutModel } from '../model-config/check-alone.ts';
import type { ConfigMessage, ModelConfig } from '../model-config/model-config.ts';
import { type ConfigQuery, type ConfigSource, readConfigMessage } from '../model-config/resolve-config.ts';
import { differenceBetween } from '../repository/difference.ts';
import { duplicateProblem, type ModelFolder, readConfigSource } from '../repository/layout.ts';
import { hintForModel } from '../repository/misplaced-files.ts';
import { selectVersions } from '../repository/version-policy.ts';
import type { ModelSource, SourceChange } from './model-source.ts';
import type { LoadVersion, ModelVersion } from './model-version.ts';
import { configSettings, type LoaderTools, loadVersion, resolveFor, type VersionTask } from './version-loader.ts';

export class DiskSource implements ModelSource {
  readonly versions: readonly number[];
  readonly #folder: ModelFolder;
  readonly #config: ConfigSource;
  readonly #message: ConfigMessage;
  readonly #tools: LoaderTools;
  readonly #release: () => Promise<void>;

  private constructor(
    folder: ModelFolder,
    config: ConfigSource,
    message: ConfigMessage,
    tools: LoaderTools,
    release: () => Promise<void>,
  ) {
    this.#folder = folder;
    this.#config = config;
    this.#message = message;
    this.#tools = tools;
    this.#release = release;
    this.versions = selectVersions(versionPolicyOf(message), folder.versions).versions;
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
    tools: LoaderTools,
    release: () => Promise<void> = () => Promise.resolve(),
  ): Promise<DiskSource> {
    if (folder.problem === duplicateProblem) throw alreadyExists(folder.problem);
    if (folder.problem !== null) throw unavailable(folder.problem);
    const { logger } = tools;
    for (const warning of folder.warnings) logger.warn({ model: folder.name }, warning);
    const config = override ?? (await readConfigSource(folder));
    const query = { modelName: folder.name, source: config, settings: configSettings(tools) };
    const message = await readWholeConfig(folder, query);
    const source = new DiskSource(folder, config, message, tools, release);
    return source;
  }

  loader(version: number): LoadVersion {
    return (warming, signal) => loadVersion(this.#task(version), this.#tools, warming, signal);
  }

  configFor(version: ModelVersion): ModelConfig {
    const signature = version.loaded?.signature;
    if (!signature) throw internal(`version ${version.version} of model '${version.model}' is not loaded`);
    return resolveFor(this.#task(version.version), this.#tools, signature);
  }

  changeSince(before: ModelSource): SourceChange {
    if (!(before instanceof DiskSource) || before.#folder.path !== this.#folder.path) {
      return { reloads: () => true, adjustsInstances: false };
    }
    const difference = differenceBetween(
      { message: before.#message, fingerprint: before.#folder.fingerprint },
      { message: this.#message, fingerprint: this.#folder.fingerprint },
    );
    return {
      reloads: (version) => difference.reloadsAll || difference.changedVersions.includes(version),
      adjustsInstances: !difference.reloadsAll && difference.changesInstances,
    };
  }

  release(): Promise<void> {
    return this.#release();
  }

  #task(version: number): VersionTask {
    return {
      model: this.#folder.name,
      version,
      modelFolder: this.#folder.path,
      versionFolder: join(this.#folder.path, String(version)),
      config: this.#config,
      message: this.#message,
    };
  }
}

/**
 * The configuration of a folder that has a version to serve. What keeps the model from being looked at – no version, a
 * configuration for another name – does not hide the other faults of the configuration: a file is repaired in one go.
 *
 * @throws InferenceError with all faults, and what to do where there is no version
 */
export async function readWholeConfig(folder: ModelFolder, query: ConfigQuery): Promise<ConfigMessage> {
  let message: ConfigMessage | null = null;
  let failure: InferenceError | null = null;
  try {
    message = readConfigMessage(query);
  } catch (error) {
    failure = toInferenceError(error);
  }
  const noVersion = await noVersionText(folder, message);
  if (message !== null && noVersion === null) return message;
  const faults = failure?.code === 'unimplemented' ? [failure.message] : faultsWithoutModel(query);
  const texts = [...(noVersion === null ? [] : [noVersion]), ...faults];
  throw new InferenceError(failure?.code ?? 'invalid_argument', texts.join('; '), failure ?? undefined);
}

/** Triton's sentence and what to do; null when there is a version. */
async function noVersionText(
  { name, path, versions }: ModelFolder,
  message: ConfigMessage | null,
): Promise<string | null> {
  const sentence = `at least one version must be available under the version policy of model '${name}'`;
  if (versions.length === 0) return `${sentence}: ${await hintForModel(path, name)}`;
  if (message === null) return null;
  const selection = selectVersions(versionPolicyOf(message), versions);
  if (selection.versions.length > 0) return null;
  return `${sentence}: it asks for ${selection.missing.join(', ')}, the folder has ${versions.join(', ')}`;
}
