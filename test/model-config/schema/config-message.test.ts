import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../../import-graph.ts';

it('the types of a configuration are those of its .proto (else run node scripts/make-config-types.mjs)', () => {
  const script = join(root, 'scripts', 'make-config-types.mjs');
  expect(() => execFileSync(process.execPath, [script, '--check'], { stdio: 'pipe' })).not.toThrow();
});
