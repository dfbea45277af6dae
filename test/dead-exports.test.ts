/** A name that a file exports is imported by another file of the repository, or it is part of what `package.json` exports. */

import { dirname, join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { filesBelow, root, type SourceFile } from './import-graph.ts';

/** Their names are for other programs. */
const doors = ['index.ts', 'http2-server.ts', 'triton-config.ts'];
/** Made whole from proto/model_config.proto. */
const made = ['model-config/schema/config-message.ts'];

const userFolders = ['src', 'test', 'bench', 'scripts', 'docs'];
const source = join(root, 'src');

const declaration = /^export (?:abstract )?(?:async )?(?:const|function|class|interface|type) ([A-Za-z_$][\w$]*)/gm;
const namedImport = /^(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s+from\s+'(\.[^']+)';/gm;
/** Of a file as a whole: any of its names that stand in the importing file are used. */
const wholeImport = /\bimport\s+(?:type\s+)?\*\s+as\s+\w+\s+from\s+'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'/g;

const names = (list: string): string[] =>
  list.split(',').flatMap((part) => /^\s*(?:type\s+)?([\w$]+)/.exec(part)?.[1] ?? []);

/** Absolute path of the source of an imported file; programs import what is built from it. */
const sourceOf = (from: string, to: string): string =>
  resolve(dirname(from), to).replace(join(root, 'dist'), source).replace(/\.js$/, '.ts');

it('no exported name goes without an importer', () => {
  const users = userFolders.flatMap((folder) =>
    ['.ts', '.mjs'].flatMap((extension) =>
      filesBelow(join(root, folder), extension).map((file) => ({ ...file, path: join(root, folder, file.path) })),
    ),
  );
  const used = new Set<string>();
  const whole: { readonly path: string; readonly by: SourceFile }[] = [];
  for (const file of users) {
    for (const [, list, to] of file.text.matchAll(namedImport)) {
      for (const name of names(list)) used.add(`${sourceOf(file.path, to)} ${name}`);
    }
    for (const [, star, dynamic] of file.text.matchAll(wholeImport)) {
      whole.push({ path: sourceOf(file.path, star ?? dynamic), by: file });
    }
  }
  const isUsed = (path: string, name: string): boolean =>
    used.has(`${path} ${name}`) || whole.some((one) => one.path === path && one.by.text.includes(name));
  const exported = filesBelow(source, '.ts')
    .filter(({ path }) => !doors.includes(path) && !made.includes(path))
    .flatMap(({ path, text }) => [...text.matchAll(declaration)].map(([, name]) => ({ path, name })));
  expect(exported.length).toBeGreaterThan(500);
  const dead = exported.filter(({ path, name }) => !isUsed(join(source, path), name));
  expect(dead.map(({ path, name }) => `${path}: ${name}`)).toEqual([]);
});
