import { describe, expect, it } from 'vitest';
import { readPlugins } from '../../src/cli/plugin-flag.ts';

describe('--execution-provider', () => {
  it('has a name, a library and options', () => {
    const problems: string[] = [];
    const plugins = readPlugins(['ggml=lib/x.so,partial=1,path=a=b', 'other=/y.so'], '/srv', problems);
    expect(problems).toEqual([]);
    expect(plugins).toEqual([
      {
        name: 'ggml',
        path: '/srv/lib/x.so',
        options: { partial: '1', path: 'a=b' },
      },
      { name: 'other', path: '/y.so', options: {} },
    ]);
  });

  it.each(['', 'ggml', 'ggml=', '=x.so', 'a b=x.so', 'ggml=x.so,partial', 'ggml=x.so,=1', '__proto__=x.so'])(
    'is refused as %j',
    (value) => {
      const problems: string[] = [];
      expect(readPlugins([value], '/srv', problems)).toEqual([]);
      expect(problems).toEqual([expect.stringContaining(`but '${value}' was given`)]);
    },
  );

  it('has each name once', () => {
    const problems: string[] = [];
    readPlugins(['a=/x.so', 'a=/y.so'], '/srv', problems);
    expect(problems).toEqual(["--execution-provider has the name 'a' twice"]);
  });
});
