/**
 * From the configuration in a model's folder or a load request to the `ModelConfig` in force: read, complete, check,
 * normalise, freeze. Two steps, because the file name of the model is in the configuration and its signature is in the
 * file.
 */

import { basename, dirname } from 'node:path';

import { invalidArgument } from '../errors.ts';
import type { ConfigSettings } from './config-settings.ts';
import { buildConfig } from './effective/build-config.ts';
import { completeFromSignature, completeNames, decideBatching } from './effective/complete-config.ts';
import { readEngineConfig } from './effective/engine-config.ts';
import { type InstanceGroups, resolveInstanceGroups } from './effective/instance-groups.ts';
import { normaliseConfig } from './effective/normalise-config.ts';
import { Findings, shownProblems } from './findings.ts';
import type { EngineConfig, InstanceGroupConfig, ModelConfig } from './model-config.ts';
import { checkConfig, checkIdentity } from './rules/check-config.ts';
import type { ConfigMessage } from './schema/config-message.ts';
import type { ConfigValue } from './schema/message.ts';
import { newMessage } from './schema/message.ts';
import { readJsonConfig, readTextConfig } from './schema/read-config.ts';
import type { ModelSignature } from './signature.ts';

/**
 * Where a configuration comes from. `text` may be given as bytes, which lets invalid UTF-8 be found; of `path` only the
 * last part is ever shown. `json` is the override of a load request.
 */
export type ConfigSource =
  | { readonly kind: 'file'; readonly path: string; readonly text: string | Uint8Array }
  | { readonly kind: 'json'; readonly text: string | Uint8Array }
  | { readonly kind: 'none' };

export interface ConfigQuery {
  readonly modelName: string;
  readonly source: ConfigSource;
  readonly settings: ConfigSettings;
}

/**
 * The configuration as written, with names completed: enough to choose versions (`versionPolicyOf`) and to find the
 * model file. Only written fields are present.
 *
 * @throws InferenceError invalid_argument for unreadable text, unknown fields and wrong values, and for faults that
 * keep
 *         the model file from being found (name, backend, file names); unimplemented for ensembles
 */
export function readConfigMessage({ modelName, source, settings }: ConfigQuery): ConfigMessage {
  const written = readSource(modelName, source, settings);
  const message = completeNames(written, modelName, settings.autoComplete);
  const findings = new Findings();
  checkIdentity(message, modelName, findings);
  findings.throwIfAny();
  return message;
}

/**
 * The configuration in force for a model file with this signature, deeply frozen.
 *
 * @throws InferenceError invalid_argument or unimplemented, all violations in one message
 */
export function resolveModelConfig(query: ConfigQuery & { readonly signature: ModelSignature }): ModelConfig {
  const { signature, settings } = query;
  const findings = new Findings();
  const written = readConfigMessage(query);
  const complete = completeFromSignature(written, signature, settings, findings);
  const checked = checkComplete(complete, signature, settings, findings);
  findings.throwIfAny();
  return configInForce(written, checked, signature, findings);
}

/** A complete configuration after all checks. It may be built only if they found nothing. */
interface CheckedConfig {
  readonly complete: ConfigMessage;
  readonly instances: InstanceGroups;
  readonly engine: EngineConfig;
}

export function checkComplete(
  complete: ConfigMessage,
  signature: ModelSignature,
  settings: ConfigSettings,
  findings: Findings,
): CheckedConfig {
  checkConfig(complete, signature, findings);
  const instances = resolveInstanceGroups(complete, settings, findings);
  const hasGpus = instances.groups.some(({ kind }) => kind === 'gpu');
  return {
    complete,
    instances,
    engine: readEngineConfig(
      complete,
      { usesGpu: hasGpus, plugins: settings.plugins ?? [] },
      findings,
      signature.sharedScale,
    ),
  };
}

/** @param written the same before it was completed, which shows how its batch size was decided */
export function configInForce(
  written: ConfigMessage,
  { complete, instances, engine }: CheckedConfig,
  signature: ModelSignature,
  findings: Findings,
): ModelConfig {
  const parts = {
    message: normaliseConfig(complete, instances.messages),
    signature,
    instanceGroups: instances.groups,
    engine,
    ignoredFields: shownProblems(findings.ignored).map(({ text }) => text),
    batching: decideBatching(written, complete, signature),
  };
  return deepFreeze(buildConfig(parts));
}

/** Options and instances, known before the model file is read. Faults are reported by `resolveModelConfig`. */
interface EnginePlan {
  readonly engine: EngineConfig;
  readonly instanceGroups: readonly InstanceGroupConfig[];
  /** Ordinal of the first GPU that has an instance; null when all are on the CPU. */
  readonly gpu: number | null;
}

/** @param message as written, with names completed (`readConfigMessage`) */
export function planEngine(message: ConfigMessage, settings: ConfigSettings): EnginePlan {
  const findings = new Findings();
  const { groups } = resolveInstanceGroups(message, settings, findings);
  const gpu = groups.flatMap(({ gpus }) => gpus)[0] ?? null;
  return {
    engine: readEngineConfig(message, { usesGpu: gpu !== null, plugins: settings.plugins ?? [] }, findings),
    instanceGroups: groups,
    gpu,
  };
}

/** As written; nothing but syntax and the types of fields is checked. */
export function readSource(modelName: string, source: ConfigSource, settings: ConfigSettings): ConfigMessage {
  switch (source.kind) {
    case 'file':
      return readTextConfig(fileLabel(source.path), source.text);
    case 'json':
      return readJsonConfig('config', source.text);
    case 'none':
      if (settings.autoComplete) return newMessage({});
      throw invalidArgument(
        `model '${modelName}' has no config.pbtxt, and auto-complete is disabled (--disable-auto-complete-config)`,
      );
  }
}

/** `config.pbtxt` or `configs/<name>.pbtxt`; never the folders above. */
function fileLabel(path: string): string {
  const folder = basename(dirname(path));
  return folder === 'configs' ? `configs/${basename(path)}` : basename(path);
}

/** Maps stay writable behind a cast; everything else throws on writing. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  const parts = value instanceof Map ? value.values() : Object.values(value as Record<string, ConfigValue>);
  for (const part of parts) deepFreeze(part);
  return value;
}
