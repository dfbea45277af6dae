import { describe, expect, it } from 'vitest';
import { invalidArgument } from '../../../src/errors.ts';
import { type ParameterDialect, RequestParameters } from '../../../src/frontends/v2/parameters.ts';

const dialect: ParameterDialect = {
  wrongType: (key) => invalidArgument(`wrong type ${key}`),
  negative: (key) => invalidArgument(`negative ${key}`),
  unsupportedType: (key) => invalidArgument(`unsupported ${key}`),
  reserved: (key) => invalidArgument(`reserved ${key}`),
  allowedReserved: new Set(['triton_enable_empty_final_response']),
  takesCustomUint64: false,
};

const parameters = (): RequestParameters => new RequestParameters(dialect);

describe('RequestParameters', () => {
  it('says nothing of sequences, priority and timeout when they were not given', () => {
    const none = parameters();
    expect(none.sequence).toBeNull();
    expect(none.priority).toBe(0);
    expect(none.timeoutUs).toBe(0);
    expect(none.custom.size).toBe(0);
  });

  it('collects sequence control with integers as 64 unsigned bits', () => {
    const given = parameters();
    given.add('sequence_id', 'uint64', 2n ** 64n - 1n);
    given.add('sequence_start', 'bool', true);
    expect(given.sequence).toEqual({ id: 2n ** 64n - 1n, start: true, end: false });
    expect(given.custom.size).toBe(0);
  });

  it('reads a negative int64 correlation id as the upper half of the range', () => {
    const given = parameters();
    given.add('sequence_id', 'int64', -1);
    expect(given.sequence?.id).toBe(2n ** 64n - 1n);
  });

  it('takes a string correlation id', () => {
    const given = parameters();
    given.add('sequence_id', 'string', 'abc');
    expect(given.sequence).toEqual({ id: 'abc', start: false, end: false });
  });

  it('takes priority and timeout', () => {
    const given = parameters();
    given.add('priority', 'uint64', 3);
    given.add('timeout', 'int64', 2_000_000);
    expect([given.priority, given.timeoutUs]).toEqual([3, 2_000_000]);
  });

  it.each([
    ['sequence_id', 'bool', true],
    ['sequence_id', 'double', 1.5],
    ['sequence_start', 'string', 'yes'],
    ['sequence_end', 'int64', 1],
    ['priority', 'string', '1'],
    ['timeout', 'double', 1.5],
  ] as const)('refuses %s of type %s', (key, kind, value) => {
    expect(() => parameters().add(key, kind, value)).toThrow(`wrong type ${key}`);
  });

  it.each(['priority', 'timeout'])('refuses a negative %s', (key) => {
    expect(() => parameters().add(key, 'int64', -1)).toThrow(`negative ${key}`);
  });

  it('keeps custom parameters, whatever their name', () => {
    const given = parameters();
    given.add('__proto__', 'string', 'x');
    given.add('constructor', 'int64', 5n);
    given.add('ratio', 'double', 0.5);
    expect([...given.custom]).toEqual([
      ['__proto__', 'x'],
      ['constructor', 5n],
      ['ratio', 0.5],
    ]);
  });

  it('refuses reserved names but those that the protocol handles', () => {
    const given = parameters();
    expect(() => given.add('triton_x', 'bool', true)).toThrow('reserved triton_x');
    given.add('triton_enable_empty_final_response', 'bool', true);
    expect(given.custom.size).toBe(0);
  });

  it('refuses a custom uint64 where the dialect does not take it', () => {
    expect(() => parameters().add('n', 'uint64', 2n ** 63n)).toThrow('unsupported n');
  });

  it('makes forwarded headers string parameters', () => {
    const given = parameters();
    given.forwardHeader('X-Tenant', 'a');
    expect(given.custom.get('X-Tenant')).toBe('a');
  });

  it.each(['Priority', 'timeout', 'sequence_id', 'headers', 'binary_data_output', 'TRITON_thing'])(
    'does not forward the header %s',
    (name) => {
      expect(() => parameters().forwardHeader(name, '1')).toThrow(
        `Header '${name}' is reserved for Triton usage and cannot be forwarded.`,
      );
    },
  );
});
