/** Who imports whom below src, read from the text of the files. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'src');

export interface SourceFile {
  /** Path below src (or test), with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly lineCount: number;
}

export interface Import {
  readonly from: string;
  /** Path below src, or the name of a package. */
  readonly to: string;
  readonly isOurs: boolean;
}

export function filesBelow(folder: string, extension: string): SourceFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => {
      const text = readFileSync(path, 'utf8');
      const lineCount = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
      return { path: relative(folder, path).split(sep).join('/'), text, lineCount };
    });
}

/** Types included: an import that leaves no trace at run time ties files to each other all the same. */
const importPattern = /^(?:import|export)\s+(?:type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)';/gm;
const dynamicPattern = /\b(?:import|require)\(\s*'([^']+)'\s*\)/g;

function importsOf(file: SourceFile): Import[] {
  const found = [...file.text.matchAll(importPattern), ...file.text.matchAll(dynamicPattern)];
  return found.map(([, to]) => {
    const isOurs = to.startsWith('.');
    return { from: file.path, to: isOurs ? join(dirname(file.path), to).split(sep).join('/') : to, isOurs };
  });
}

export const files = filesBelow(source, '.ts');
export const imports = files.flatMap(importsOf);
export const ownImports = imports.filter((one) => one.isOurs);

/** Everything that is loaded or whose types are needed when this file is imported: our files, and packages by name. */
export function reachableFrom(path: string): ReadonlySet<string> {
  const reached = new Set([path]);
  for (const from of reached) {
    for (const one of imports) if (one.from === from) reached.add(one.to);
  }
  return reached;
}
