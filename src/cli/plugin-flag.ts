/** `--execution-provider=NAME=LIBRARY[,key=value…]`. */

import { resolve } from 'node:path';
import type { PluginLibrary } from '../engine/native-engine.ts';

const expected = 'name=library[,key=value…], where the name has letters, digits, dots, dashes and underscores';

/** Null when it is not of that form. A path with a comma cannot be given. */
function readPlugin(text: string, cwd: string): PluginLibrary | null {
  const [head = '', ...settings] = text.split(',');
  const [, name = '', path = ''] = /^([A-Za-z0-9][\w.-]{0,63})=(.+)$/.exec(head) ?? [];
  const pairs = settings.map((setting) => /^\s*([^=\s]+)=(.*)$/.exec(setting));
  if (name === '' || pairs.includes(null)) return null;
  const options = Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']));
  return { name, path: resolve(cwd, path), options };
}

/** Adds a sentence to `problems` for each value that cannot be read, and for a name that is there twice. */
export function readPlugins(values: readonly string[], cwd: string, problems: string[]): readonly PluginLibrary[] {
  const plugins: PluginLibrary[] = [];
  for (const value of values) {
    const plugin = readPlugin(value, cwd);
    if (plugin === null) problems.push(`--execution-provider expects ${expected}, but '${value}' was given`);
    else if (plugins.some(({ name }) => name === plugin.name))
      problems.push(`--execution-provider has the name '${plugin.name}' twice`);
    else plugins.push(plugin);
  }
  return plugins;
}
