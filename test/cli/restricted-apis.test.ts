import { describe, expect, it } from 'vitest';
import { readRestrictions } from '../../src/cli/restricted-apis.ts';

function read(...values: string[]) {
  const problems: string[] = [];
  return { restrictions: readRestrictions('http-restricted-api', values, '', problems), problems };
}

describe('restricted APIs on the command line', () => {
  it('are groups of APIs with a key and a value, which may contain an equals sign and a colon', () => {
    expect(read('health,metadata:Admin-Key=a=b:c', 'inference:k=v')).toEqual({
      restrictions: [
        { apis: ['health', 'metadata'], header: 'admin-key', value: 'a=b:c' },
        { apis: ['inference'], header: 'k', value: 'v' },
      ],
      problems: [],
    });
    const prefixed = readRestrictions('grpc-restricted-protocol', ['trace:K=v'], 'triton-grpc-protocol-', []);
    expect(prefixed[0]?.header).toBe('triton-grpc-protocol-k');
  });

  it.each([
    ['health', "expects <api>[,<api>…]:<key>=<value> but 'health' was given"],
    ['health:key', "but 'health:key' was given"],
    ['health:=secret', "but 'health:=…' was given"],
    ['health:key=', "but 'health:key=…' was given"],
    [':key=secret', "but ':key=…' was given"],
    ['health:a b=secret', "a key that can be the name of a header but 'a b' was given"],
    ['helth:a=secret', "knows no API 'helth'; did you mean health?"],
    ['health,:a=secret', "knows no API ''; known are health, metadata"],
    ['health,health:a=secret', "restricts 'health' twice"],
  ])('%s is refused without showing the value', (value, problem) => {
    const { problems } = read(value);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^--http-restricted-api /);
    expect(problems[0]).toContain(problem);
    expect(problems[0]).not.toContain('secret');
  });

  it('are refused where two keys would guard one API', () => {
    expect(read('health,trace:a=1', 'health:b=2').problems).toEqual([
      "--http-restricted-api restricts 'health' twice; an API has one key",
    ]);
  });
});
