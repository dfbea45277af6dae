import { describe, expect, it } from 'vitest';
import { InferenceError } from '../../../src/errors.ts';
import { SourcePosition } from '../../../src/model-config/syntax/source-position.ts';
import { maxNodes, type SourceNode } from '../../../src/model-config/syntax/source-tree.ts';
import { maxDepth, parseTextFormat } from '../../../src/model-config/syntax/text-format.ts';
import { countedReads } from '../../frontends/counted-reads.ts';
import { problemOf } from '../signatures.ts';

const parse = (text: string | Uint8Array) => parseTextFormat('config.pbtxt', text).root.fields;
const only = (text: string): SourceNode => parse(`x: ${text}`)[0]!.value;
const problem = (text: string | Uint8Array): string => problemOf(() => parse(text));
const stringOf = (text: string): string => (only(text) as { value: string }).value;

describe('protobuf text format', () => {
  it('reads fields with and without separators, and messages with and without colons', () => {
    const fields = parse('a: 1, b: "x"; c { d: 2 } e: < f: 3 >\ng <>');
    expect(fields.map(({ name, hasColon }) => [name, hasColon])).toEqual([
      ['a', true],
      ['b', true],
      ['c', false],
      ['e', true],
      ['g', false],
    ]);
  });

  it('reads lists of scalars and of messages, empty ones too', () => {
    const fields = parse('a: [ 1, -2 ] b [ { c: 1 }, < c: 2 > ] d: []');
    expect(fields.map(({ value }) => (value.kind === 'list' ? value.items.map(({ kind }) => kind) : null))).toEqual([
      ['number', 'number'],
      ['message', 'message'],
      [],
    ]);
  });

  it('refuses a comma before the end of a list, as protobuf does, and allows one at the end of a message', () => {
    expect(problem('a: [ 1, ]')).toBe("config.pbtxt:1:9: expected a value, got ']'");
    expect(parse('a { b: 1, }')).toHaveLength(1);
  });

  it('joins adjacent strings in either quotes', () => {
    expect(stringOf(`"a" 'b"' # comment\n "c"`)).toBe('ab"c');
  });

  it('reads every escape', () => {
    expect(stringOf(String.raw`"\a\b\f\n\r\t\v\\\'\"\?"`)).toBe('\x07\b\f\n\r\t\v\\\'"?');
    expect(stringOf(String.raw`"\111\x50\u00e9\U0001F600\ud83d\ude00\0"`)).toBe('IPé😀😀\0');
    expect(stringOf(String.raw`"\303\251\xC3\xA9"`)).toBe('éé');
  });

  it('refuses escapes that are none', () => {
    expect(problem(String.raw`x: "\q"`)).toContain('config.pbtxt:1:5: a string has an unknown escape');
    expect(problem(String.raw`x: "\xg"`)).toContain('needs 1 digits');
    expect(problem(String.raw`x: "\u12"`)).toContain('needs 4 digits');
    expect(problem(String.raw`x: "\ud800"`)).toContain('no Unicode character');
    expect(problem(String.raw`x: "\U00110000"`)).toContain('no Unicode character');
    expect(problem(String.raw`x: "\777"`)).toContain('at most');
  });

  it('tells numbers by their form', () => {
    const forms = ['0', '12', '0x1F', '017', '1.5', '.5', '1e3', '1.5f', '2f', '-7', '- 7'].map((text) => only(text));
    expect(
      forms.map((node) => (node.kind === 'number' ? `${node.form} ${node.isNegative ? '-' : ''}${node.text}` : '')),
    ).toEqual([
      'decimal 0',
      'decimal 12',
      'hexadecimal 1F',
      'octal 17',
      'float 1.5',
      'float .5',
      'float 1e3',
      'float 1.5',
      'float 2',
      'decimal -7',
      'decimal -7',
    ]);
  });

  it('refuses numbers that run into words or into each other', () => {
    expect(problem('x: 12ab')).toContain('a number must be followed by a blank or a symbol');
    expect(problem('x: 1.2.3')).toContain('a number must be followed by a blank or a symbol');
    expect(problem('x: 0x')).toContain("'0x' must be followed by hexadecimal digits");
    expect(problem('x: 09')).toContain('octal');
    expect(problem('x: 1e+')).toContain('expected digits after the exponent');
  });

  it('names line and column, in characters', () => {
    expect(problem('a: 1\n  b 2')).toBe("config.pbtxt:2:5: expected ':' after 'b', got '2'");
    expect(problem('a: "é😀" b 2')).toBe("config.pbtxt:1:11: expected ':' after 'b', got '2'");
    expect(problem('a: 1\r\nb 2')).toBe("config.pbtxt:2:3: expected ':' after 'b', got '2'");
  });

  it('names the beginning of an open string, message or list, or its missing end', () => {
    expect(problem('a: "b\nc"')).toBe('config.pbtxt:1:4: the string has no closing " on its line');
    expect(problem('a {\n b: 1\n')).toBe("config.pbtxt:1:3: '{' has no closing '}'");
    expect(problem('a < b: 1 }')).toContain("expected a field name, got '}'");
    expect(problem('a: [ 1')).toBe("config.pbtxt:1:7: expected ',' or ']' in the list, got the end of the text");
    expect(problem('a:')).toContain('expected a value, got the end of the text');
  });

  it('refuses extensions and Any', () => {
    expect(problem('[my.ext]: 1')).toContain('extension or Any');
    expect(problem('a { [type.googleapis.com/x] { } }')).toContain('extension or Any');
  });

  it('refuses lists in lists', () => {
    expect(problem('a: [ [ 1 ] ]')).toContain("expected a value, got '['");
  });

  it('skips a byte order mark and comments of any content and length', () => {
    expect(parse('\uFEFFa: 1')).toHaveLength(1);
    expect(parse(`a: 1 # ${'x'.repeat(600_000)}`)).toHaveLength(1);
    expect(parse(Buffer.from('# Gr\xF6\xDFe\na: 1', 'latin1'))).toHaveLength(1);
  });

  it('refuses NUL bytes anywhere and invalid UTF-8 in strings', () => {
    expect(problem('a: 1\n\0')).toBe('config.pbtxt:2:1: the text has a NUL byte');
    expect(problem('# \0')).toContain('NUL');
    expect(problem(Buffer.from('a: "\xFF\xFE"', 'latin1'))).toBe('config.pbtxt:1:4: the string is not valid UTF-8');
    expect(problem(Buffer.from('\xC3\xA9: 1', 'latin1'))).toContain("expected a field name, got 'é'");
  });

  it('refuses depth beyond the limit without using up the stack', () => {
    expect(parse('a {'.repeat(maxDepth) + '}'.repeat(maxDepth))).toHaveLength(1);
    expect(problem('a {'.repeat(100_000))).toContain(`nested more than ${maxDepth} deep`);
    expect(problem('['.repeat(100_000))).toContain('config.pbtxt:1:1');
    expect(problem(`a: ${'['.repeat(100_000)}`)).toContain('expected a value');
  });

  it('takes as many values as any configuration has, and names the place of the first that is too many', () => {
    const fields = 'c {}\n'.repeat(maxNodes);
    expect(parse(fields)).toHaveLength(maxNodes);
    expect(problem(`${fields}  d: 1`)).toBe(
      `config.pbtxt:${maxNodes + 1}:6: a configuration has at most ${maxNodes} values`,
    );
    expect(problem(`a: [${'1,'.repeat(200_000)} 1]`)).toContain(`at most ${maxNodes} values`);
  });

  it('finds the columns of one long line by going over it once', () => {
    const bytes = Buffer.from(`é${' '.repeat(5000)}`.repeat(100));
    const { bytes: counted, reads } = countedReads(bytes);
    const position = new SourcePosition('config.pbtxt', counted);
    for (let at = 0; at < bytes.length; at += 500) position.text(at);
    // Once for line ends, once for columns.
    expect(reads()).toBeLessThan(2 * bytes.length + 10);
    expect([position.text(2), position.text(5002), position.text(1)]).toEqual([
      'config.pbtxt:1:2',
      'config.pbtxt:1:5002',
      'config.pbtxt:1:2',
    ]);
  });

  it('cuts overlong names in messages', () => {
    expect(problem(`${'x'.repeat(600_000)} 1`).length).toBeLessThan(400);
    expect(problem(`a: ${'x'.repeat(600_000)} ]`).length).toBeLessThan(400);
  });

  it('refuses texts that are no configuration by their size', () => {
    const huge = Buffer.alloc(17 * 1024 * 1024, 0x20);
    expect(() => parse(huge)).toThrow(InferenceError);
  });
});
