import { describe, expect, it } from 'vitest';
import { readJsonConfig, readTextConfig } from '../../../src/model-config/schema/read-config.ts';
import { problemOf } from '../signatures.ts';

const text = (source: string) => readTextConfig('config.pbtxt', source);
const json = (value: unknown) => readJsonConfig('config', typeof value === 'string' ? value : JSON.stringify(value));
const textProblem = (source: string): string => problemOf(() => text(source));
const jsonProblem = (value: unknown): string => problemOf(() => json(value));

describe('binding text format to ModelConfig', () => {
  it('keeps only written fields', () => {
    expect(text('max_batch_size: 0')).toEqual({ max_batch_size: 0 });
    expect(text('')).toEqual({});
  });

  it('reads all spellings of lists and maps, the last entry of a key winning', () => {
    const message = text('input { name: "a" dims: 1 dims: [ 2, 3 ] } input: [ { name: "b" } ]');
    expect(message).toEqual({ input: [{ name: 'a', dims: [1, 2, 3] }, { name: 'b' }] });
    const parameters = text(`
      parameters { key: "a" value: { string_value: "1" } }
      parameters [ { key: "b" value { string_value: "2" } } ]
      parameters: { key: "a", value: < string_value: "3" > }
      parameters { key: "__proto__" value: { string_value: "4" } } parameters { key: "empty" }
    `).parameters as Record<string, unknown>;
    expect(Object.keys(parameters)).toEqual(['a', 'b', '__proto__', 'empty']);
    expect(parameters.a).toEqual({ string_value: '3' });
    expect(parameters.empty).toEqual({});
  });

  it('reads booleans, enums and numbers in all their spellings', () => {
    for (const yes of ['true', 'True', 't', '1', '0x1']) {
      expect(text(`response_cache { enable: ${yes} }`)).toEqual({ response_cache: { enable: true } });
    }
    expect(text('input { data_type: 8 }')).toEqual({ input: [{ data_type: 'TYPE_INT32' }] });
    expect(text('input { dims: [ 0x10, 010, -1 ] }')).toEqual({ input: [{ dims: [16, 8, -1] }] });
    const direct = (value: string) => text(`sequence_batching { direct { minimum_slot_utilization: ${value} } }`);
    expect(direct('inf')).toEqual({ sequence_batching: { direct: { minimum_slot_utilization: Infinity } } });
    expect(direct('-Infinity')).toEqual({ sequence_batching: { direct: { minimum_slot_utilization: -Infinity } } });
    expect(direct('nan')).toEqual({ sequence_batching: { direct: { minimum_slot_utilization: Number.NaN } } });
    expect(direct('1')).toEqual({ sequence_batching: { direct: { minimum_slot_utilization: 1 } } });
  });

  it('keeps 64-bit integers exact', () => {
    const message = text('dynamic_batching { max_queue_delay_microseconds: 18446744073709551615 }');
    expect(message).toEqual({ dynamic_batching: { max_queue_delay_microseconds: 18446744073709551615n } });
    expect(text('input { dims: -9223372036854775808 }')).toEqual({ input: [{ dims: [-9223372036854775808n] }] });
  });

  it.each([
    [
      'max_batch_size: 2147483648',
      "config.pbtxt:1:17: 'max_batch_size' expects an integer in -2147483648…2147483647 (int32), got '2147483648'",
    ],
    ['max_batch_size: 8.5', "'max_batch_size' expects an integer (int32), got '8.5'"],
    ['max_batch_size: "8"', "'max_batch_size' expects an integer (int32), got a string"],
    ['max_batch_size: eight', "'max_batch_size' expects an integer (int32), got 'eight'"],
    ['max_batch_size: [ 8 ]', "'max_batch_size' is no list"],
    ['max_batch_size { }', "expected ':' after 'max_batch_size'"],
    [`max_batch_size: ${'9'.repeat(100_000)}`, "got '9999"],
    ['input { dims [ 1 ] }', "expected ':' after 'dims'"],
    ['input { dims: 9223372036854775808 }', '(int64)'],
    ['dynamic_batching { max_queue_delay_microseconds: -1 }', '(uint64)'],
    ['dynamic_batching { default_queue_policy { max_queue_size: 4294967296 } }', '(uint32)'],
    ['name: 3', "'name' expects a string in quotes, got '3'"],
    ['name: foo', "'name' expects a string in quotes, got 'foo'"],
    ['response_cache { enable: 2 }', "'enable' expects true or false, got '2'"],
    ['response_cache { enable: yes }', "'enable' expects true or false, got 'yes'"],
    ['response_cache: true', "'response_cache' expects a message (ModelResponseCache), got 'true'"],
    ['input { data_type: TYPE_FP31 }', "'data_type' has no value 'TYPE_FP31', did you mean 'TYPE_FP32'?"],
    ['input { data_type: 99 }', "'data_type' has no value '99': DataType is TYPE_INVALID, TYPE_BOOL"],
    ['input { data_type: -1 }', "'data_type' has no value '-1'"],
    ['input { data_type: "TYPE_FP32" }', "'data_type' expects one of TYPE_INVALID"],
    ['input { data_type: type_fp32 }', "did you mean 'TYPE_FP32'?"],
    ['max_batch_size: 8 max_batch_size: 4', "config.pbtxt:1:19: field 'max_batch_size' is given more than once"],
    ['dynamic_batching { } dynamic_batching { }', "field 'dynamic_batching' is given more than once"],
    [
      'dynamic_batching { } sequence_batching { }',
      "'sequence_batching' is given along with 'dynamic_batching', another choice of 'scheduling_choice'",
    ],
    ['version_policy { all { } latest { } }', "another choice of 'policy_choice'"],
    ['parameters { key: "a" key: "b" }', "field 'key' is given more than once"],
    ['parameters { name: "a" }', "unknown field 'name' in an entry of 'parameters'"],
    ['parameters { key: 1 }', "a key of 'parameters' expects a string"],
    ['parameters: "a"', "'parameters' expects { key: … value: … }"],
    [
      'dynamic_batching { priority_queue_policy { key: -1 value { } } }',
      "a key of 'priority_queue_policy' expects an integer in 0…",
    ],
  ])('refuses %.60s', (source, expected) => {
    expect(textProblem(source)).toContain(expected);
  });

  it('names the nearest field for an unknown one', () => {
    expect(textProblem('backend: "onnxruntime"\n  max_bach_size: 8')).toBe(
      "config.pbtxt:2:3: unknown field 'max_bach_size' in ModelConfig, did you mean 'max_batch_size'?",
    );
    expect(textProblem('maxBatchSize: 8')).toContain("did you mean 'max_batch_size'?");
    expect(textProblem('input { dtype: TYPE_FP32 }')).toContain("unknown field 'dtype' in ModelInput");
    expect(textProblem('frobnicate: 3')).toBe("config.pbtxt:1:1: unknown field 'frobnicate' in ModelConfig");
  });

  it('names all faults of a file, and stops at twenty', () => {
    expect(textProblem('foo: 1\nmax_batch_size: "x"\nbar: 2').split('; ')).toHaveLength(3);
    expect(textProblem('foo: 1 '.repeat(1000)).split('; ')).toHaveLength(21);
  });
});

describe('binding JSON to ModelConfig', () => {
  it('takes snake_case and camelCase, enums in any case, and 64-bit integers as text', () => {
    const message = json({
      maxBatchSize: 8,
      max_batch_size: null,
      input: [{ name: 'a', dataType: 'type_fp32', dims: ['-1', 16, '9223372036854775807'] }],
      dynamicBatching: { priorityQueuePolicy: { 1: { maxQueueSize: 5 } } },
      parameters: { __proto: { stringValue: 'x' } },
    });
    expect(message).toEqual({
      max_batch_size: 8,
      input: [{ name: 'a', data_type: 'TYPE_FP32', dims: [-1, 16, 9223372036854775807n] }],
      dynamic_batching: { priority_queue_policy: { 1: { max_queue_size: 5 } } },
      parameters: { __proto: { string_value: 'x' } },
    });
  });

  it('keeps a key called __proto__ a key', () => {
    const message = json('{"metric_tags": {"__proto__": "x"}}');
    expect(Object.keys(message.metric_tags as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it('takes integral floats, and words for the numbers that JSON lacks', () => {
    expect(json('{"max_batch_size": 8.0}')).toEqual({ max_batch_size: 8 });
    expect(json('{"max_batch_size": 1e1}')).toEqual({ max_batch_size: 10 });
    const direct = { sequence_batching: { direct: { minimum_slot_utilization: '-Infinity' } } };
    expect(json(direct)).toEqual({ sequence_batching: { direct: { minimum_slot_utilization: -Infinity } } });
  });

  it.each([
    [{ max_batch_size: 8.5 }, "'max_batch_size' expects an integer (int32), got '8.5'"],
    [{ max_batch_size: 'x' }, "'max_batch_size' expects an integer (int32), got a string"],
    [{ max_batch_size: true }, "'max_batch_size' expects an integer (int32), got 'true'"],
    ['{"max_batch_size": 1e400}', "'max_batch_size' expects an integer (int32)"],
    [{ maxBatchsize: 8 }, "unknown field 'maxBatchsize' in ModelConfig, did you mean 'max_batch_size'?"],
    ['{"name": "a", "name": "b"}', "config:1:15: field 'name' is given more than once"],
    ['{"max_batch_size": 1, "maxBatchSize": 2}', "field 'max_batch_size' is given more than once"],
    [{ dynamic_batching: {}, sequence_batching: {} }, "another choice of 'scheduling_choice'"],
    [{ input: { name: 'a' } }, "'input' expects a list, got a message"],
    [{ parameters: [] }, "'parameters' expects an object, got a list"],
    ['{"parameters": {"a": {}, "a": {}}}', "'parameters' has the key 'a' twice"],
    [{ response_cache: { enable: 1 } }, "'enable' expects true or false"],
    [{ response_cache: { enable: 'true' } }, "'enable' expects true or false"],
    [{ input: [{ data_type: 'FP32' }] }, "'data_type' has no value 'FP32'"],
    [{ name: 3 }, "'name' expects a string in quotes"],
  ])('refuses %j', (value, expected) => {
    expect(jsonProblem(value)).toContain(expected);
  });
});
