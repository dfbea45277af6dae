import { describe, expect, it } from 'vitest';
import { commandNames } from '../../src/cli/command-line.ts';
import { helpText } from '../../src/cli/help-text.ts';
import { allServeFlags } from '../../src/cli/serve-arguments.ts';

describe('the help', () => {
  it('fits into 100 columns', () => {
    for (const topic of [null, ...commandNames]) {
      const tooLong = helpText(topic)
        .split('\n')
        .filter((line) => line.length > 100);
      expect(tooLong).toEqual([]);
    }
  });

  it('of serve names every flag', () => {
    const help = helpText('serve');
    expect(Object.keys(allServeFlags).filter((name) => !help.includes(`--${name}`))).toEqual([]);
  });

  it('shows examples before the flags', () => {
    const help = helpText('serve');
    expect(help.indexOf('Examples')).toBeLessThan(help.indexOf('--model-control-mode=none'));
  });

  it('names every command in the overview', () => {
    for (const name of commandNames) expect(helpText(null)).toContain(`nereid ${name}`);
  });
});
