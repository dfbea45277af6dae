/** Rules of aliases that can be judged without the target. */

import { quoted } from '../../shown-text.ts';
import { aliasParameter } from '../alias-target.ts';
import type { Findings } from '../findings.ts';
import { parametersOf } from '../parameters.ts';
import { aliasPlatform, isAlias } from '../platforms.ts';
import type { ConfigMessage } from '../schema/config-message.ts';
import { didYouMean } from '../suggestion.ts';

type Field = keyof ConfigMessage;
const ownFields: readonly Field[] = ['name', 'platform', 'backend', 'parameters', 'version_policy', 'metric_tags'];

export function checkAlias(message: ConfigMessage, findings: Findings): void {
  if (!isAlias(message)) return;
  const { name = '', backend = '', parameters: written = {} } = message;
  const subject = `alias ${quoted(name)}`;
  if (backend !== '') {
    findings.refuse(`${subject} must have platform '${aliasPlatform}' and no backend`, message, 'backend');
  }
  for (const field of Object.keys(message) as Field[]) {
    if (ownFields.includes(field)) continue;
    const text = `${subject} must not have ${field}, which is its target's; it may have ${ownFields.join(', ')}`;
    findings.refuse(text, message, field);
  }
  const parameters = parametersOf(message);
  const target = parameters.get(aliasParameter.model) ?? '';
  if (target === '') {
    const example = `parameters { key: "${aliasParameter.model}" value { string_value: "resnet_v2" } }`;
    findings.refuse(`${subject} must name the model that it stands for: ${example}`, message, 'parameters');
  } else if (target === name) findings.refuse(`${subject} must not stand for itself`, written, aliasParameter.model);
  const version = parameters.get(aliasParameter.version);
  if (version !== undefined && !isVersion(version)) {
    const text = `${subject}: parameter '${aliasParameter.version}' must be a positive integer, got ${quoted(version)}`;
    findings.refuse(text, written, aliasParameter.version);
  }
  const known = Object.values(aliasParameter);
  for (const key of parameters.keys()) {
    if (known.some((each) => each === key)) continue;
    const hint = didYouMean(key, known) || `: expected ${known.join(', ')}`;
    findings.refuse(`${subject} has an unknown parameter ${quoted(key)}${hint}`, written, key);
  }
}

const isVersion = (text: string): boolean => /^[1-9]\d*$/.test(text) && Number.isSafeInteger(Number(text));
