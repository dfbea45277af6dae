import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../../src/model-config/syntax/json-format.ts';
import { maxNodes, type SourceNode } from '../../../src/model-config/syntax/source-tree.ts';
import { problemOf } from '../signatures.ts';

const problem = (text: string | Uint8Array): string => problemOf(() => parseJson('config', text));

/** The tree as `JSON.parse` would give it. */
function plain(node: SourceNode): unknown {
  switch (node.kind) {
    case 'message':
      return Object.fromEntries(node.fields.map(({ name, value }) => [name, plain(value)]));
    case 'list':
      return node.items.map(plain);
    case 'string':
      return node.value;
    case 'number':
      return Number(`${node.isNegative ? '-' : ''}${node.text}`);
    case 'word':
      return JSON.parse(node.text);
  }
}

describe('JSON', () => {
  it('reads the same as JSON.parse', () => {
    const property = fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })), (value) => {
      const text = JSON.stringify(value, null, 1);
      expect(plain(parseJson('config', text).root)).toEqual(JSON.parse(text));
    });
    fc.assert(property, { seed: 7, numRuns: 300 });
  });

  it('keeps the digits of numbers', () => {
    const [field] = parseJson('config', '{"a": 18446744073709551615}').root.fields;
    expect(field?.value).toMatchObject({ kind: 'number', form: 'decimal', text: '18446744073709551615' });
  });

  it('takes as many values as any configuration has, and names the place of the first that is too many', () => {
    const values = (count: number): string => `{"a": [\n${Array(count).fill('1').join()}]}`;
    expect(() => parseJson('config', values(maxNodes - 2))).not.toThrow();
    expect(problem(values(maxNodes - 1))).toBe(
      `config:2:${2 * (maxNodes - 2) + 1}: a configuration has at most ${maxNodes} values`,
    );
  });

  it('names line and column, in characters', () => {
    expect(problem('{\n "é😀": x }')).toBe("config:2:8: expected a value, got 'x'");
    expect(problem('{"a": 1')).toBe("config:1:8: expected ',' or '}', got the end of the text");
    expect(problem('{"a" 1}')).toBe("config:1:6: expected ':', got '1'");
    expect(problem('{"a": 1} x')).toBe("config:1:10: expected the end of the text, got 'x'");
  });

  it('refuses text that is no JSON', () => {
    for (const text of [
      '',
      '[]',
      '"x"',
      '1',
      'null',
      "{'a': 1}",
      '{a: 1}',
      '{"a": 01}',
      '{"a": +1}',
      '{"a": NaN}',
      '{"a": 1,}',
      '{"a": [1,]}',
    ]) {
      expect(problem(text), text).toMatch(/^config:1:\d+: /);
    }
    expect(problem('{"a": "\n"}')).toContain('control character');
    expect(problem('{"a": "\\q"}')).toContain('unknown escape');
    expect(problem('{"a": "\\ud800"}')).toContain('half of a surrogate pair');
    expect(problem('{"a": "x')).toContain('no closing quote');
    expect(problem('{"a": "x\\')).toContain('no closing quote');
    expect(problem(Buffer.from('{"a": "\xFF"}', 'latin1'))).toContain('not valid UTF-8');
  });

  it('refuses depth beyond the limit without using up the stack', () => {
    expect(problem('{"a":'.repeat(100_000))).toContain('nested more than');
    expect(problem(`{"a":${'['.repeat(100_000)}`)).toContain('nested more than');
  });
});
