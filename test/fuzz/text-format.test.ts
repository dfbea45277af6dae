/** Properties of the text format parser: what is printed is read back, and no input does worse than an InferenceError. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InferenceError } from '../../src/errors.ts';
import { readJsonConfig, readTextConfig } from '../../src/model-config/schema/read-config.ts';
import type { MessageNode, SourceNode } from '../../src/model-config/syntax/source-tree.ts';
import { parseTextFormat } from '../../src/model-config/syntax/text-format.ts';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const numRuns = Number(process.env.FUZZ_RUNS ?? 3000);

interface Written {
  readonly text: string;
  /** The tree without places. */
  readonly tree: unknown;
}

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/);
const gap = fc.constantFrom(' ', '\n', '\t', '\r\n', ' # { [ "\n', '  ');

const escaped = (value: string, quote: string): string => {
  let text = '';
  for (const byte of Buffer.from(value, 'utf8')) {
    const character = String.fromCharCode(byte);
    text += /[A-Za-z0-9 {}<>[\]:;,#]/.test(character) ? character : `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return `${quote}${text}${quote}`;
};

const string: fc.Arbitrary<Written> = fc
  .tuple(
    fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }), { minLength: 1, maxLength: 3 }),
    fc.constantFrom('"', "'"),
    gap,
  )
  .map(([parts, quote, between]) => ({
    text: parts.map((part) => escaped(part, quote)).join(between),
    tree: { kind: 'string', value: parts.join('') },
  }));

const number: fc.Arbitrary<Written> = fc
  .tuple(fc.boolean(), fc.constantFrom('decimal', 'hexadecimal', 'octal'), fc.bigInt({ min: 1n, max: 2n ** 64n }))
  .map(([isNegative, form, value]) => {
    const digits = value.toString(form === 'decimal' ? 10 : form === 'octal' ? 8 : 16);
    const prefix = form === 'decimal' ? '' : form === 'octal' ? '0' : '0x';
    return {
      text: `${isNegative ? '-' : ''}${prefix}${digits}`,
      tree: { kind: 'number', isNegative, form, text: digits },
    };
  });

const word: fc.Arbitrary<Written> = name.map((text) => ({ text, tree: { kind: 'word', isNegative: false, text } }));

const { fields } = fc.letrec<{ value: Written; message: Written; list: Written; fields: Written }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, string, number, word, tie('message')),
  message: fc.tuple(tie('fields'), fc.boolean(), gap).map(([inner, isAngle, space]) => ({
    text: `${isAngle ? '<' : '{'}${space}${inner.text}${space}${isAngle ? '>' : '}'}`,
    tree: { kind: 'message', fields: inner.tree },
  })),
  list: fc.array(tie('value'), { maxLength: 3 }).map((items) => ({
    text: `[ ${items.map(({ text }) => text).join(' , ')} ]`,
    tree: { kind: 'list', items: items.map(({ tree }) => tree) },
  })),
  fields: fc
    .array(fc.tuple(name, fc.oneof(tie('value'), tie('list')), gap, fc.constantFrom(' ', ',', ';', '\n')), {
      maxLength: 4,
    })
    .map((entries) => ({
      text: entries.map(([field, value, space, end]) => `${field}:${space}${value.text}${end}`).join(' '),
      tree: entries.map(([field, value]) => ({ name: field, value: value.tree })),
    })),
}));

function withoutPlaces(node: SourceNode): unknown {
  if (node.kind === 'message') return { kind: 'message', fields: fieldsOf(node) };
  if (node.kind === 'list') return { kind: 'list', items: node.items.map(withoutPlaces) };
  const { at: _, ...rest } = node;
  return rest;
}

const fieldsOf = (node: MessageNode): unknown =>
  node.fields.map((field) => ({ name: field.name, value: withoutPlaces(field.value) }));

/** Runs an action that may refuse its input, but only in our own words. */
function refusesOrderly(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(InferenceError);
    expect((error as InferenceError).message.length).toBeLessThan(10_000);
  }
}

const good = `name: "m" max_batch_size: 8 input [ { name: "a" data_type: TYPE_FP32 dims: [ -1, 16 ] } ]
dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100 }
parameters { key: "k" value: { string_value: 'v\\n\\u00e9' } } # comment
model_warmup < name: "w" inputs { key: "a" value { zero_data: true } } >`;

describe(`text format, seed ${seed}`, () => {
  it('reads printed text back unchanged', () => {
    const property = fc.property(fields, ({ text, tree }) => {
      expect(fieldsOf(parseTextFormat('t', text).root)).toEqual(tree);
    });
    fc.assert(property, { seed, numRuns });
  });

  it('refuses random bytes orderly', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      refusesOrderly(() => readTextConfig('t', bytes));
      refusesOrderly(() => readJsonConfig('t', bytes));
    });
    fc.assert(property, { seed, numRuns });
  });

  it('refuses random tokens orderly', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '<',
      '>',
      '[',
      ']',
      ':',
      ',',
      ';',
      '-',
      '"',
      "'",
      '#',
      '\n',
      '\\',
      '0x',
      '1',
      '1.5',
      'e',
      'input',
      'dims',
      'name',
      'TYPE_FP32',
      'key',
      'value',
      'parameters',
      'true',
      ' ',
      '\0',
      'é',
    );
    const property = fc.property(fc.array(token, { maxLength: 60 }), (tokens) => {
      refusesOrderly(() => readTextConfig('t', tokens.join('')));
      refusesOrderly(() => readTextConfig('t', tokens.join(' ')));
    });
    fc.assert(property, { seed, numRuns });
  });

  it('refuses a damaged configuration orderly', () => {
    const bytes = Buffer.from(good);
    const damage = fc.record({
      at: fc.nat({ max: bytes.length - 1 }),
      remove: fc.nat({ max: 5 }),
      insert: fc.uint8Array({ maxLength: 5 }),
    });
    const property = fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (damages) => {
      let text: Buffer = bytes;
      for (const { at, remove, insert } of damages) {
        text = Buffer.concat([text.subarray(0, at), insert, text.subarray(at + remove)]);
      }
      refusesOrderly(() => readTextConfig('t', text));
    });
    fc.assert(property, { seed, numRuns });
  });
});
