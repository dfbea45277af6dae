import { describe, expect, it } from 'vitest';
import { allServeFlags } from '../../src/cli/serve-arguments.ts';
import { flagsDocument } from './flags-document.ts';

describe('docs/flags.md', () => {
  it('lists every flag with its effect', async () => {
    await expect(flagsDocument(allServeFlags)).toMatchFileSnapshot('../../docs/flags.md');
  });
});
