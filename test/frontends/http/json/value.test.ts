import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonValue, readJsonObject } from '../../../../src/frontends/http/json/value.ts';

const read = (text: string) => readJsonObject(Buffer.from(text));

/** As `JSON.parse` would give it. */
function plain(value: JsonValue): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, member]) => [key, plain(member)]));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null && 'double' in value) return value.double;
  return typeof value === 'bigint' ? Number(value) : value;
}

describe('readJsonObject', () => {
  it('reads the same as JSON.parse', () => {
    const key = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__proto__');
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue({ maxDepth: 4, stringUnit: 'grapheme' })), (object) => {
        const text = JSON.stringify(object);
        expect(plain(read(text))).toEqual(JSON.parse(text));
        expect(plain(read(JSON.stringify(object, null, '\t ')))).toEqual(JSON.parse(text));
      }),
      { seed: 21, numRuns: 1000 },
    );
  });

  it('takes an empty body as an empty object', () => {
    expect(read('').size).toBe(0);
    expect(read(' \r\n').size).toBe(0);
  });

  it('keeps names that are special to JavaScript as plain names', () => {
    const object = read('{"__proto__":{"polluted":true},"constructor":1}');
    expect([...object.keys()]).toEqual(['__proto__', 'constructor']);
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('polluted');
  });

  it('keeps integers beyond 2^53 exact', () => {
    expect(read('{"n":9007199254740993}').get('n')).toBe(9007199254740993n);
  });

  it.each([
    ['[1]', 'attempt to access JSON non-object as object'],
    ['5', 'attempt to access JSON non-object as object'],
    ['{', 'Missing a name for object member.'],
    ['{"a":1', 'Missing a comma or } after an object member.'],
    ['{"a" 1}', 'Missing a colon after a name of object member.'],
    ['{"a":}', 'Invalid value.'],
    ['{"a":1,}', 'Missing a name for object member.'],
    ['{"a":[1,]}', 'Invalid value.'],
    ['{"a":[1 2]}', 'Missing a comma or ] after an array element.'],
    ['{a:1}', 'Missing a name for object member.'],
    ["{'a':1}", 'Missing a name for object member.'],
    ['{"a":1}{}', 'The document root must not be followed by other values.'],
    ['{"a":1,"a":2}', "Object member 'a' is given twice."],
    ['{"a":nul}', 'Invalid value.'],
    ['{"a":truex}', 'Invalid value.'],
    ['{"a":01}', 'Invalid value.'],
    ['{"a":+1}', 'Invalid value.'],
    ['{"a":0x10}', 'Missing a comma or }'],
    ['{"a":NaN}', 'Invalid value.'],
    ['{"a":1e999}', 'Number too big to be stored in double.'],
    ['{"a":"x', 'Missing a closing quotation mark in string.'],
    ['{"a":"line\nbreak"}', 'a control character must be escaped'],
    ['{"a":"\\x"}', 'Invalid escape character in string.'],
    ['{"a":"\\ud800"}', 'The surrogate pair in string is invalid.'],
    ['\ufeff{"a":1}', 'Invalid value.'],
  ])('refuses %s', (text, reason) => {
    expect(() => read(text)).toThrow(reason);
  });

  it('refuses strings that are not UTF-8', () => {
    expect(() => readJsonObject(Buffer.from('{"a":"\xc0\xaf"}', 'latin1'))).toThrow('not UTF-8');
    expect(() => readJsonObject(Buffer.from('{"\xff":1}', 'latin1'))).toThrow('not UTF-8');
  });

  it('refuses deep nesting without running out of stack', () => {
    const deep = 100_000;
    expect(() => read(`{"a":${'['.repeat(deep)}${']'.repeat(deep)}}`)).toThrow(
      'JSON nesting depth exceeds maximum allowed limit (100)',
    );
    expect(() => read(`${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`)).toThrow('limit (100)');
  });

  it('reads names of every length, cached or not, and tells similar ones apart', () => {
    const names = Array.from({ length: 3000 }, (_, i) => 'n'.repeat(1 + (i % 40)) + i);
    const object = read(`{${names.map((name, i) => `"${name}":${i}`).join()}}`);
    expect(names.map((name) => object.get(name))).toEqual(names.map((_, i) => i));
  });
});
