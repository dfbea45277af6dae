import { describe, expect, it } from 'vitest';
import { chooseCommand } from '../../src/cli/command-line.ts';
import { UsageError } from '../../src/cli/usage-error.ts';

describe('the command', () => {
  it('is help when nothing is given', () => {
    expect(chooseCommand([])).toEqual({ kind: 'help', topic: null });
  });

  it('is named by the first word', () => {
    expect(chooseCommand(['serve', '--id=x'])).toEqual({ kind: 'serve', words: ['--id=x'] });
    expect(chooseCommand(['inspect', 'a.onnx'])).toEqual({ kind: 'inspect', words: ['a.onnx'] });
    expect(chooseCommand(['--version'])).toEqual({ kind: 'version' });
  });

  it('is serve when flags come first, as for Triton', () => {
    expect(chooseCommand(['--model-repository=m'])).toEqual({ kind: 'serve', words: ['--model-repository=m'] });
  });

  it('is help on a command wherever --help stands among its flags', () => {
    expect(chooseCommand(['serve', '--id=x', '--help'])).toEqual({ kind: 'help', topic: 'serve' });
    expect(chooseCommand(['help', 'doctor'])).toEqual({ kind: 'help', topic: 'doctor' });
    expect(chooseCommand(['--help'])).toEqual({ kind: 'help', topic: null });
    expect(chooseCommand(['--id=x', '-h'])).toEqual({ kind: 'help', topic: 'serve' });
    expect(chooseCommand(['inspect', '--', '--help'])).toEqual({ kind: 'inspect', words: ['--', '--help'] });
  });

  it('is suggested when it is mistyped', () => {
    expect(() => chooseCommand(['inpsect'])).toThrow("unknown command 'inpsect'; did you mean inspect?");
    expect(() => chooseCommand(['__proto__'])).toThrow(UsageError);
  });
});
