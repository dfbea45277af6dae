import { describe, expect, it } from 'vitest';
import { HeaderField } from '../../src/http2/header-field.ts';
import { areTrailers, checkRequest, malformed, noLength } from '../../src/http2/request-check.ts';

type Pair = readonly [name: string, value: string];

const fieldsOf = (pairs: readonly Pair[]) => pairs.map(([name, value]) => new HeaderField(name, value));
const [method, scheme, path]: readonly Pair[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a'],
];
const good: readonly Pair[] = [method, scheme, path];

describe('checkRequest', () => {
  it.each<readonly [string, readonly Pair[], number]>([
    ['the three that are needed', good, noLength],
    ['them in another order', [path, method, scheme], noLength],
    ['an authority', [...good, [':authority', 'x']], noLength],
    ['an empty authority', [...good, [':authority', '']], noLength],
    ['a content-length', [...good, ['content-length', '12']], 12],
    ['two that agree', [...good, ['content-length', '0'], ['content-length', '00']], 0],
    ['the longest content-length', [...good, ['content-length', '9'.repeat(15)]], 999_999_999_999_999],
    ['te: trailers', [...good, ['te', 'trailers']], noLength],
  ])('takes %s', (_, pairs, length) => {
    expect(checkRequest(fieldsOf(pairs))).toBe(length);
  });

  it.each<readonly [string, readonly Pair[]]>([
    ['no field at all', []],
    ['no method', [scheme, path]],
    ['no scheme', [method, path]],
    ['no path', [method, scheme]],
    ['an empty path', [method, scheme, [':path', '']]],
    ['an empty method', [[':method', ''], scheme, path]],
    ['a path twice', [...good, path]],
    ['an authority twice', [...good, [':authority', 'x'], [':authority', 'x']]],
    ['a pseudo field behind another', [method, scheme, ['x', 'y'], path]],
    ['an unknown pseudo field', [...good, [':protocol', 'websocket']]],
    ['a status', [...good, [':status', '200']]],
    ['upper case', [...good, ['X', 'y']]],
    ['a connection field', [...good, ['connection', 'close']]],
    ['te: gzip', [...good, ['te', 'gzip']]],
    ['a line break', [...good, ['x', 'a\r\nb']]],
    ['two content-lengths that differ', [...good, ['content-length', '1'], ['content-length', '2']]],
    ...['', '-1', '+1', '1.5', '0x1', '1e3', '9'.repeat(16), '1, 1', '١'].map(
      (length): readonly [string, readonly Pair[]] => [
        `content-length '${length}'`,
        [...good, ['content-length', length]],
      ],
    ),
  ])('refuses %s', (_, pairs) => {
    expect(checkRequest(fieldsOf(pairs))).toBe(malformed);
  });
});

describe('areTrailers', () => {
  it('takes any regular fields and none at all', () => {
    expect(areTrailers([])).toBe(true);
    expect(
      areTrailers(
        fieldsOf([
          ['x', 'y'],
          ['content-length', '5'],
        ]),
      ),
    ).toBe(true);
  });

  it.each([':path', ':status', ':x', 'X', 'connection'])('refuses %s', (name) => {
    expect(
      areTrailers(
        fieldsOf([
          ['x', 'y'],
          [name, 'z'],
        ]),
      ),
    ).toBe(false);
  });
});
