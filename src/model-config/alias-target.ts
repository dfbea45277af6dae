/** Which version of which model an alias stands for: its parameters. */

import { parametersOf } from './parameters.ts';
import type { ConfigMessage } from './schema/config-message.ts';

export const aliasParameter = { model: 'target_model', version: 'target_version' } as const;

interface AliasTarget {
  readonly model: string;
  /** Null: the newest version that serves. */
  readonly version: number | null;
}

/** @param message of an alias that has passed `checkAlias` */
export function aliasTarget(message: ConfigMessage): AliasTarget {
  const parameters = parametersOf(message);
  const version = parameters.get(aliasParameter.version);
  const model = parameters.get(aliasParameter.model) ?? '';
  return { model, version: version === undefined ? null : Number(version) };
}
