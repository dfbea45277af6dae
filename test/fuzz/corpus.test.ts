/**
 * The inputs that the guided search kept, each once through its target: known findings do not return, and known
 * branches are reached. See docs/fuzzing.md.
 */

import { describe, expect, it } from 'vitest';
import { readInputs } from './guided/input-file.ts';
import { corpusPath, targets } from './guided/target-list.ts';

describe.each(Object.entries(targets))('the inputs kept for %s', (name, { load }) => {
  it('break no rule', async () => {
    const target = await load();
    const inputs = [...target.seeds, ...readInputs(corpusPath(name))];
    for (const input of inputs) {
      const bytes = Buffer.from(input);
      try {
        await target.run(bytes);
      } catch (error) {
        throw new Error(`${Buffer.from(input).toString('base64')}: ${(error as Error).message}`, { cause: error });
      }
    }
    expect(inputs.length).toBeGreaterThan(target.seeds.length);
  });
});
