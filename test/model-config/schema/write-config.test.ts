import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { readJsonConfig, readTextConfig } from '../../../src/model-config/schema/read-config.ts';
import { modelConfigProtoPath, modelConfigSchema } from '../../../src/model-config/schema/schema.ts';
import { configForGrpc, configJson } from '../../../src/model-config/schema/write-config.ts';
import { resolve } from '../signatures.ts';

const read = (text: string) => readTextConfig('config.pbtxt', text);

describe('the configuration as JSON', () => {
  it('prints every primitive, list and map, and messages only when set', () => {
    const value = JSON.parse(configJson(read('max_batch_size: 8 dynamic_batching { }')));
    expect(value).toEqual({
      name: '',
      platform: '',
      max_batch_size: 8,
      input: [],
      output: [],
      instance_group: [],
      default_model_filename: '',
      cc_model_filenames: {},
      metric_tags: {},
      dynamic_batching: {
        preferred_batch_size: [],
        max_queue_delay_microseconds: 0,
        preserve_ordering: false,
        priority_levels: 0,
        default_priority_level: 0,
        priority_queue_policy: {},
      },
      parameters: {},
      model_warmup: [],
      backend: '',
      batch_input: [],
      batch_output: [],
      runtime: '',
    });
  });

  it('prints enums by name and members of a oneof only when set', () => {
    const text = 'model_warmup { inputs { key: "x" value { zero_data: false } } } input { name: "x" }';
    const value = JSON.parse(configJson(read(text)));
    expect(value.model_warmup[0].inputs.x).toEqual({ data_type: 'TYPE_INVALID', dims: [], zero_data: false });
    expect(value.input[0]).toMatchObject({ data_type: 'TYPE_INVALID', format: 'FORMAT_NONE', optional: false });
    expect(value.input[0]).not.toHaveProperty('reshape');
  });

  it('prints 64-bit integers exactly, as numbers, and keys as texts', () => {
    const json = configJson(
      read(
        'dynamic_batching { max_queue_delay_microseconds: 18446744073709551615 priority_queue_policy { key: 7 value { } } }',
      ),
    );
    expect(json).toContain('"max_queue_delay_microseconds":18446744073709551615,');
    expect(json).toContain('"priority_queue_policy":{"7":{');
  });

  it('survives odd texts', () => {
    const message = read(String.raw`metric_tags { key: "__proto__" value: "\"\n\\\U0001F600" } parameters { key: "" }`);
    expect(readJsonConfig('config', configJson(message))).toMatchObject({
      metric_tags: JSON.parse('{"__proto__": "\\"\\n\\\\😀"}'),
    });
  });
});

describe('the configuration for gRPC', () => {
  it('is taken by protobufjs and comes out the same', async () => {
    const message =
      resolve(`dynamic_batching { default_queue_policy { default_timeout_microseconds: 18446744073709551615 } }
      instance_group { kind: KIND_CPU } parameters { key: "a" value { string_value: "b" } }
      model_metrics { metric_control { metric_identifier { family: "f" } histogram_options { buckets: [ 0.5, 1 ] } } }`).message;
    const root = await new protobuf.Root().load(modelConfigProtoPath, { keepCase: true });
    const type = root.lookupType('inference.ModelConfig');
    const bytes = type.encode(type.fromObject(configForGrpc(message))).finish();
    const back = type.toObject(type.decode(bytes), { longs: String, enums: String, defaults: false });
    expect(back.dynamic_batching.default_queue_policy.default_timeout_microseconds).toBe('18446744073709551615');
    expect(back).toMatchObject({ name: 'm', max_batch_size: 4, instance_group: [{ name: 'm_0', kind: 'KIND_CPU' }] });
    expect(back.input[0]).toMatchObject({ name: 'INPUT0', data_type: 'TYPE_INT32', dims: ['16'] });
  });
});

describe('the schema', () => {
  it('has the fields of ModelConfig in the order of the file', () => {
    const fields = [...modelConfigSchema().fields.values()];
    expect(fields.slice(0, 4).map(({ name }) => name)).toEqual([
      'name',
      'platform',
      'version_policy',
      'max_batch_size',
    ]);
    expect(
      fields
        .filter(({ oneof }) => oneof === 'scheduling_choice')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['dynamic_batching', 'ensemble_scheduling', 'sequence_batching']);
    expect(modelConfigSchema()).toBe(modelConfigSchema());
  });

  it('numbers the fields as Triton does', async () => {
    const root = await new protobuf.Root().load(modelConfigProtoPath, { keepCase: true });
    const numbers = (name: string) => root.lookupType(`inference.${name}`).fieldsArray.map((field) => field.id);
    expect(numbers('ModelConfig').sort((a, b) => a - b)).toEqual(
      [...Array(27).keys()].filter((id) => id !== 0 && id !== 22),
    );
    expect(root.lookupType('inference.ModelOutput').fields.reshape?.id).toBe(5);
    expect(root.lookupType('inference.ModelInput').fields.optional?.id).toBe(8);
    expect(root.lookupType('inference.ModelInstanceGroup').fields.count?.id).toBe(2);
    expect(root.lookupType('inference.ModelOptimizationPolicy.Cuda').fields.output_copy_stream?.id).toBe(4);
    expect(root.lookupEnum('inference.DataType').values.TYPE_BF16).toBe(14);
  });
});
