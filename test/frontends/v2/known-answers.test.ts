import { describe, expect, it } from 'vitest';

import { KnownAnswers, type NamedOutput } from '../../../src/frontends/v2/known-answers.ts';

const model = (modelName: string, modelVersion = '1') => ({ modelName, modelVersion });
const outputs = (...names: readonly string[]): NamedOutput[] => names.map((name) => ({ name, datatype: 'FP32' }));

/** Counts what is made anew. */
function counted() {
  let made = 0;
  const known = new KnownAnswers(({ modelName, modelVersion }, named) => {
    made++;
    return [modelName, modelVersion, ...named.map(({ name, datatype }) => `${name}:${datatype}`)].join(' ');
  });
  return { known, made: () => made };
}

describe('KnownAnswers', () => {
  it('makes what is written once for the same names', () => {
    const { known, made } = counted();
    expect(known.of(model('m'), outputs('A', 'B'))).toBe('m 1 A:FP32 B:FP32');
    expect(known.of(model('m'), outputs('A', 'B'))).toBe('m 1 A:FP32 B:FP32');
    expect(made()).toBe(1);
  });

  it.each([
    ['another model', model('n'), outputs('A', 'B'), 'n 1 A:FP32 B:FP32'],
    ['another version', model('m', '2'), outputs('A', 'B'), 'm 2 A:FP32 B:FP32'],
    ['fewer outputs', model('m'), outputs('A'), 'm 1 A:FP32'],
    ['more outputs', model('m'), outputs('A', 'B', 'C'), 'm 1 A:FP32 B:FP32 C:FP32'],
    ['another order', model('m'), outputs('B', 'A'), 'm 1 B:FP32 A:FP32'],
    [
      'another datatype',
      model('m'),
      [...outputs('A'), { name: 'B', datatype: 'BYTES' as const }],
      'm 1 A:FP32 B:BYTES',
    ],
  ])('tells %s apart', (_, other, named, written) => {
    const { known } = counted();
    known.of(model('m'), outputs('A', 'B'));
    expect(known.of(other, named)).toBe(written);
    expect(known.of(model('m'), outputs('A', 'B'))).toBe('m 1 A:FP32 B:FP32');
  });

  it('keeps the last four of a model, and those of at most 2,048 models', () => {
    const { known, made } = counted();
    for (const name of ['A', 'B', 'C', 'D', 'E']) known.of(model('m'), outputs(name));
    for (const name of ['B', 'C', 'D', 'E']) known.of(model('m'), outputs(name));
    expect(made()).toBe(5);
    known.of(model('m'), outputs('A'));
    expect(made()).toBe(6);
    for (let i = 0; i < 2048; i++) known.of(model(`m${i}`), outputs('A'));
    known.of(model('m'), outputs('A'));
    expect(made()).toBe(6 + 2048 + 1);
  });

  it('keeps nothing of many outputs, or of very long names', () => {
    const { known, made } = counted();
    const many = outputs(...Array.from({ length: 17 }, (_, i) => `O${i}`));
    const long = outputs('x'.repeat(3000));
    for (const named of [many, many, long, long]) known.of(model('m'), named);
    expect(made()).toBe(4);
  });
});
