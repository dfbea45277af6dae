/** Numbers, texts and names in a page, and the names that are remembered between records. */

import { describe, expect, it } from 'vitest';
import { RecordReader, RecordWriter, textNumbers } from '../../../src/threads/records/record.ts';

const maxNameLength = 128;
const maxNames = 1024;

/** Both sides of a page, as long as the test likes. */
function recordSides(bytes = 1 << 20) {
  const memory = new SharedArrayBuffer(bytes);
  const numbers = new Float64Array(memory);
  const page = Buffer.from(memory);
  const writer = new RecordWriter();
  const reader = new RecordReader();
  const begin = (byteOffset: number): void => {
    writer.begin(numbers, page, byteOffset, (bytes - byteOffset) / 8);
    reader.begin(numbers, page, byteOffset);
  };
  begin(0);
  return { numbers, page, writer, reader, begin };
}

const texts: Readonly<Record<string, string>> = {
  empty: '',
  'one character': 'a',
  'eight characters': 'abcdefgh',
  'two bytes each': 'äöüß',
  'three bytes each': '模型输出',
  'four bytes each': '🚀🦀🎉',
  'a zero within': 'a\0b',
  'the longest name': 'n'.repeat(maxNameLength),
  'longer than a name': 'n'.repeat(maxNameLength + 1),
  long: 'lang → '.repeat(5000),
};

describe('a record', () => {
  it.each(Object.entries(texts))('keeps a text: %s', (_what, text) => {
    const { writer, reader } = recordSides();
    writer.text(text);
    writer.name(text);
    writer.number(42);
    expect([reader.text(), reader.text(), reader.number()]).toEqual([text, text, 42]);
  });

  it.each(Object.entries(texts))('takes no more than it said beforehand: %s', (_what, text) => {
    for (const write of ['text', 'name'] as const) {
      const { writer, numbers } = recordSides();
      numbers.fill(-7);
      writer[write](text);
      // The first number of a record is its length.
      expect(numbers.findLastIndex((number) => number !== -7)).toBeLessThan(1 + textNumbers(text));
    }
  });

  it('replaces half of a character, as UTF-8 must, and stays in step', () => {
    const { writer, reader } = recordSides();
    const half = '\ud83d';
    writer.text(half.repeat(20));
    writer.number(1);
    expect([reader.text(), reader.number()]).toEqual(['\ufffd'.repeat(20), 1]);
  });

  it('keeps every number', () => {
    const { writer, reader } = recordSides();
    const numbers = [0, -0, 1, -1, 2 ** 53 - 1, -(2 ** 53), 0.1, Infinity, -Infinity, Number.NaN, 5e-324];
    for (const number of numbers) writer.number(number);
    expect(numbers.map(() => reader.number())).toEqual(numbers);
  });

  it('begins at the given place', () => {
    const { writer, reader, begin, numbers } = recordSides();
    begin(1024);
    writer.name('here');
    // The length of the record that was begun at 0, and the record.
    expect(numbers.findIndex((number, i) => i > 0 && number !== 0)).toBe(128);
    expect(reader.text()).toBe('here');
  });

  it('ends at the very end of its page', () => {
    const bytes = 4096;
    const { writer, reader, begin } = recordSides(bytes);
    begin(bytes - 6 * 8);
    writer.text('äöüß');
    writer.text('');
    expect([reader.text(), reader.text()]).toEqual(['äöüß', '']);
  });
});

describe('the bounds of a record', () => {
  const bounded = (length: number) => {
    const memory = new SharedArrayBuffer(4096);
    const numbers = new Float64Array(memory);
    const page = Buffer.from(memory);
    const writer = new RecordWriter();
    writer.begin(numbers, page, 64, length);
    const reader = new RecordReader();
    return { numbers, writer, reader, begin: () => reader.begin(numbers, page, 64) };
  };

  it.each([
    ['a number', (writer: RecordWriter) => writer.number(1)],
    ['a text', (writer: RecordWriter) => writer.text('a')],
    ['a name', (writer: RecordWriter) => writer.name('a')],
  ])('are kept when %s more is written than was measured', (_what, write) => {
    const { writer, numbers } = bounded(3);
    writer.number(1);
    writer.number(2);
    expect(() => write(writer)).toThrow('more is written than the record has room for');
    expect([...numbers.subarray(11)].every((number) => number === 0)).toBe(true);
  });

  it('refuse a text that would be cut', () => {
    const { writer } = bounded(1 + 2 + 2);
    expect(() => writer.text('x'.repeat(17))).toThrow('more is written');
  });

  it('take a text that fits exactly although three bytes for each character would not', () => {
    const { writer, reader, begin } = bounded(1 + 2 + 2);
    writer.text('x'.repeat(16));
    begin();
    expect(reader.text()).toBe('x'.repeat(16));
  });

  it('are kept when more is read than was written', () => {
    const { writer, reader, begin } = bounded(2);
    writer.number(1);
    begin();
    reader.number();
    expect(() => reader.number()).toThrow('more is read than the record has room for');
  });

  it.each([0, -1, 1e9, Number.NaN])('refuse the length %d of a record, and a count or text of it', (length) => {
    const { numbers, begin, writer, reader } = bounded(3);
    writer.number(length === 0 ? 1e9 : length);
    begin();
    expect(() => reader.count()).toThrow('more is read');
    numbers[8] = length;
    expect(begin).toThrow('more is read');
  });
});

describe('a name', () => {
  it('is written out once and then sent by its number', () => {
    const { writer, reader, begin, page, numbers } = recordSides();
    writer.name('INPUT');
    writer.name('OUTPUT');
    expect([reader.text(), reader.text()]).toEqual(['INPUT', 'OUTPUT']);
    page.fill(0);
    begin(0);
    for (const name of ['OUTPUT', 'INPUT', 'OUTPUT']) writer.name(name);
    expect([...numbers.subarray(1, 5)]).toEqual([1, 0, 1, 0]);
    expect([reader.text(), reader.text(), reader.text()]).toEqual(['OUTPUT', 'INPUT', 'OUTPUT']);
  });

  it('is not learned from a text', () => {
    const { writer, reader, page } = recordSides();
    writer.text('INPUT');
    writer.name('INPUT');
    expect([reader.text(), reader.text()]).toEqual(['INPUT', 'INPUT']);
    expect(page.toString('latin1').split('INPUT')).toHaveLength(3);
  });

  it('is written out each time when it is long', () => {
    const { writer, reader, page } = recordSides();
    const long = 'x'.repeat(maxNameLength + 1);
    for (const name of [long, 'short', long, 'short']) writer.name(name);
    expect([1, 2, 3, 4].map(() => reader.text())).toEqual([long, 'short', long, 'short']);
    expect(page.toString('latin1').split(long)).toHaveLength(3);
    expect(page.toString('latin1').split('short')).toHaveLength(2);
  });

  it('is written out each time when too many are known, and those known stay so', () => {
    const { writer, reader, begin, page } = recordSides();
    const names = Array.from({ length: maxNames + 50 }, (_, i) => `name-${i}-`);
    for (let round = 0; round < 3; round++) {
      page.fill(0);
      begin(0);
      for (const name of names) writer.name(name);
      expect(names.map(() => reader.text())).toEqual(names);
    }
    const written = page.toString('latin1');
    expect(written).not.toContain(`name-${maxNames - 1}-`);
    expect(written).toContain(`name-${maxNames}-`);
    expect(written).toContain(`name-${maxNames + 49}-`);
  });
});
