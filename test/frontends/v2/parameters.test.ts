import { describe, expect, it } from 'vitest';
import { invalidArgument } from '../../../src/errors.ts';
import { forwardHeader, type ParameterDialect, ParameterReader } from '../../../src/frontends/v2/parameters.ts';
import { type ParameterValue, RequestDraft } from '../../../src/inference/request.ts';
import { type ParameterKind, requestFields } from '../../../src/inference/request-fields.ts';
import { requestLimits } from '../../../src/inference/request-limits.ts';

const dialect: ParameterDialect = {
  protocol: 'grpc',
  wrongType: ({ key }) => invalidArgument(`wrong type ${key}`),
  negative: ({ key }) => invalidArgument(`negative ${key}`),
  unsupportedType: (key) => invalidArgument(`unsupported ${key}`),
  reserved: (key) => invalidArgument(`reserved ${key}`),
};

const reader = new ParameterReader(dialect);
const httpReader = new ParameterReader({ ...dialect, protocol: 'http' });

/** A request, and how parameters are put into it. */
function parameters(through = reader) {
  const request = new RequestDraft();
  return {
    request,
    add: (key: string, kind: ParameterKind | null, value: ParameterValue) => through.add(request, key, kind, value),
    forwardHeader: (name: string, value: string) => forwardHeader(request, name, value),
    get sequence() {
      return request.sequence;
    },
    get priority() {
      return request.priority;
    },
    get timeoutUs() {
      return request.timeoutUs;
    },
    get custom() {
      return request.parameters;
    },
  };
}

describe('the parameters of a request', () => {
  it('says nothing of sequences, priority and timeout when they were not given', () => {
    const none = parameters();
    expect(none.sequence).toBeNull();
    expect(none.priority).toBe(0);
    expect(none.timeoutUs).toBe(0);
    expect(none.custom.size).toBe(0);
  });

  it('collects sequence control with integers as 64 unsigned bits', () => {
    const given = parameters(httpReader);
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

  it('may be as many as the limit and not one more, whatever their values', () => {
    const given = parameters();
    for (let i = 0; i < requestLimits.parameters; i++) given.add(`p${i}`, 'bool', true);
    expect(() => given.add('one more', 'bool', true)).toThrow(`more than ${requestLimits.parameters} parameters`);
  });

  it('may be as long as the limits: a name, a value, and all of them together', () => {
    const { nameBytes, textBytes, allTextBytes } = requestLimits;
    expect(() => parameters().add('k'.repeat(nameBytes + 1), 'bool', true)).toThrow(
      'the name of a parameter is longer',
    );
    expect(() => parameters().add('k', 'string', 'v'.repeat(textBytes))).toThrow("parameter 'k' is longer");
    const given = parameters();
    const value = 'v'.repeat(textBytes - 8);
    const fitting = Math.floor(allTextBytes / textBytes);
    for (let i = 0; i < fitting; i++) given.add(`k${i}`, 'string', value);
    expect(() => given.add('last', 'string', value)).toThrow('the text of all parameters of the request is longer');
  });

  it.each(requestFields.map((field) => [field.key, field] as const))(
    'has %s in each protocol that its table names',
    (key, field) => {
      const sample = {
        flag: ['bool', true],
        count: ['int64', 7],
        correlation: ['string', 'id'],
        text: ['string', 't'],
      } as const;
      const [kind, value] = sample[field.type];
      for (const [through, isKnown] of [
        [reader, field.grpc !== null],
        [httpReader, field.isInHttp],
      ] as const) {
        const given = parameters(through);
        if (!isKnown && key.startsWith('triton_')) {
          expect(() => given.add(key, kind, value)).toThrow('reserved');
          continue;
        }
        given.add(key, kind, value);
        expect(given.custom.has(key)).toBe(!isKnown);
        if (isKnown && field.get !== null) expect(field.get(given.request)).toBe(value);
      }
    },
  );
});
