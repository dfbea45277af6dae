/** `parameters` of a configuration as name and text; the message allows nothing else. */

import type { ConfigMessage } from './schema/config-message.ts';

export const parametersOf = ({ parameters = {} }: ConfigMessage): ReadonlyMap<string, string> =>
  new Map(Object.entries(parameters).map(([name, { string_value: text = '' }]) => [name, text]));
