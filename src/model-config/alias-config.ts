/**
 * Models of `platform: "alias"`: another name for a version of another model. What they are and how they batch is their
 * target's; only the name, the choice of the target and the labels of metrics are their own.
 */

import { parametersOf } from './typed/engine-config.ts';
import type { Findings } from './findings.ts';
import { has, textMapOf, textOf, withFields } from './schema/message-fields.ts';
import type { ConfigMessage, ModelConfig } from './model-config.ts';
import { versionPolicyOf } from './typed/build-config.ts';
import { didYouMean } from './suggestion.ts';

export const aliasPlatform = 'alias';

const ownFields: readonly string[] = ['name', 'platform', 'backend', 'parameters', 'version_policy', 'metric_tags'];

const parameter = { model: 'target_model', version: 'target_version' } as const;

export interface AliasTarget {
  readonly model: string;
  /** Null: the newest version that serves. */
  readonly version: number | null;
}

export const isAlias = (message: ConfigMessage): boolean => textOf(message, 'platform') === aliasPlatform;

/** @param message of an alias that has passed `checkAlias` */
export function aliasTarget(message: ConfigMessage): AliasTarget {
  const parameters = parametersOf(message);
  const version = parameters.get(parameter.version);
  return { model: parameters.get(parameter.model) ?? '', version: version === undefined ? null : Number(version) };
}

/** The rules that can be judged without the target. */
export function checkAlias(message: ConfigMessage, { invalid }: Findings): void {
  if (!isAlias(message)) return;
  const name = textOf(message, 'name');
  const subject = `alias '${name}'`;
  if (textOf(message, 'backend') !== '')
    invalid.push(`${subject} must have platform '${aliasPlatform}' and no backend`);
  for (const field of Object.keys(message)) {
    if (ownFields.includes(field)) continue;
    invalid.push(`${subject} must not have ${field}, which is its target's; it may have ${ownFields.join(', ')}`);
  }
  const parameters = parametersOf(message);
  const target = parameters.get(parameter.model) ?? '';
  if (target === '') {
    const example = `parameters { key: "${parameter.model}" value { string_value: "resnet_v2" } }`;
    invalid.push(`${subject} must name the model that it stands for: ${example}`);
  } else if (target === name) invalid.push(`${subject} must not stand for itself`);
  const version = parameters.get(parameter.version);
  if (version !== undefined && !isVersion(version)) {
    invalid.push(`${subject}: parameter '${parameter.version}' must be a positive integer, got '${version}'`);
  }
  for (const key of parameters.keys()) {
    const known = Object.values(parameter);
    if (known.some((each) => each === key)) continue;
    invalid.push(
      `${subject} has an unknown parameter '${key}'${didYouMean(key, known) || `: expected ${known.join(', ')}`}`,
    );
  }
}

const isVersion = (text: string): boolean => /^[1-9]\d*$/.test(text) && Number.isSafeInteger(Number(text));

/** What of the target's configuration its callers see of it. */
const sharedFields: readonly string[] = [
  'max_batch_size',
  'input',
  'output',
  'dynamic_batching',
  'model_transaction_policy',
];

/**
 * The configuration in force of an alias.
 *
 * @param message of the alias, with names completed and checked
 * @param target  the configuration of the version that it stands for
 */
export function resolveAliasConfig(message: ConfigMessage, target: ModelConfig): ModelConfig {
  const shared = sharedFields.filter((field) => has(target.message, field));
  const fields = Object.fromEntries(shared.map((field) => [field, target.message[field] ?? '']));
  const tags = [...textMapOf(message, 'metric_tags')].map(([tag, value]) => [`_${tag}`, value] as const);
  return Object.freeze({
    ...target,
    name: textOf(message, 'name'),
    versionPolicy: versionPolicyOf(message),
    instanceGroups: [],
    warmup: [],
    metricTags: new Map(tags),
    parameters: parametersOf(message),
    message: Object.freeze(withFields(message, fields)),
    ignoredFields: [],
  });
}
