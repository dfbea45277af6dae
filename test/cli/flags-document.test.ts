import { describe, expect, it } from 'vitest';
import { allServeFlags } from '../../src/cli/serve-arguments.ts';
import { flagsDocument } from './flags-document.ts';

describe('docs/flags.md', () => {
  it('says of every flag what the parser does with it', async () => {
    await expect(flagsDocument(allServeFlags)).toMatchFileSnapshot('../../docs/flags.md');
  });
});
