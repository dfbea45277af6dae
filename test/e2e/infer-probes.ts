/** Inference over gRPC, right and broken, each as one call and as a stream: what a text of JSON cannot say. */

import { call, get, type Probe, reference } from './control-probes.ts';

const raw = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(value);
  return bytes;
};
const infer = (more: object = {}): object => ({
  model_name: 'plain',
  inputs: [
    { name: 'A', datatype: 'INT32', shape: [1, 2] },
    { name: 'B', datatype: 'INT32', shape: [1, 2] },
  ],
  raw_input_contents: [raw(1), raw(2)],
  ...more,
});
const noInputs = { inputs: [], raw_input_contents: [] };
const inputsWith = (more: object): object[] =>
  ['A', 'B'].map((name) => ({ name, datatype: 'INT32', shape: [1, 2], ...more }));
const typed = (contents: object): object => infer({ raw_input_contents: [], inputs: inputsWith({ contents }) });

export function inferences(): Probe[] {
  const one = [
    infer(),
    infer({ id: 'x' }),
    infer({ model_name: 'nobody', id: 'y' }),
    infer({ model_name: '' }),
    infer({ model_version: '9' }),
    infer({ model_version: 'x' }),
    infer({ model_version: '01' }),
    infer(noInputs),
    infer({ raw_input_contents: [raw(1)] }),
    infer({ raw_input_contents: [raw(1), raw(2), raw(3)] }),
    infer({ raw_input_contents: [Buffer.alloc(7), raw(2)] }),
    infer({ raw_input_contents: [] }),
    infer({ parameters: { triton_enable_empty_final_response: { bool_param: true } } }),
    infer({ parameters: { triton_enable_empty_final_response: { string_param: 'x' } } }),
    infer({ parameters: { triton_x: { int64_param: 1 } } }),
    infer({ parameters: { sequence_id: { int64_param: 1 } } }),
    infer({ parameters: { sequence_id: { string_param: 'q' }, sequence_start: { bool_param: true } } }),
    infer({ parameters: { sequence_start: { int64_param: 1 } } }),
    infer({ parameters: { priority: { string_param: 'x' } } }),
    infer({ parameters: { custom: { double_param: 1.5 } } }),
    infer({ parameters: { custom: {} } }),
    infer({ parameters: { timeout: { int64_param: -1 } } }),
    infer({ parameters: { priority: { uint64_param: 3 } } }),
    infer({ parameters: { binary_data_output: { bool_param: true } } }),
    infer({ parameters: { headers: { string_param: 'x' } } }),
    infer({ outputs: [{ name: 'Z' }] }),
    infer({ outputs: [{ name: 'X' }, { name: 'X' }] }),
    infer({ outputs: [{ name: 'X', parameters: { classification: { string_param: 'x' } } }] }),
    infer({ outputs: [{ name: 'X', parameters: { classification: { int64_param: 0 } } }] }),
    infer({ outputs: [{ name: 'X', parameters: { classification: { int64_param: 5 } } }] }),
    infer({ outputs: [{ name: 'X', parameters: { shared_memory_region: { string_param: 'r' } } }] }),
    infer({ outputs: [{ name: 'X', parameters: { foo: { string_param: 'r' } } }] }),
    infer({ outputs: [{ name: '' }] }),
    typed({ int_contents: [1, 2] }),
    typed({ int_contents: [1] }),
    typed({ int_contents: [1, 2, 3] }),
    typed({ int64_contents: [1, 2] }),
    typed({ fp32_contents: [1, 2] }),
    typed({}),
    typed({ int_contents: [1, 2], fp32_contents: [1] }),
    typed({ bytes_contents: [Buffer.from('x')] }),
    infer({
      raw_input_contents: [raw(1), raw(2)],
      inputs: ['A', 'B'].map((name) => ({
        name,
        datatype: 'INT32',
        shape: [1, 2],
        contents: { int_contents: [1, 2] },
      })),
    }),
    infer({
      inputs: inputsWith({ parameters: { shared_memory_region: { string_param: 'r' } } }),
    }),
    infer({
      raw_input_contents: [],
      inputs: inputsWith({
        parameters: { shared_memory_region: { string_param: 'r' }, shared_memory_byte_size: { int64_param: 8 } },
      }),
    }),
    infer({
      raw_input_contents: [],
      inputs: inputsWith({ parameters: { foo: { string_param: 'r' } } }),
    }),
    infer({ model_name: 'versions', model_version: '2' }),
    infer({ model_name: 'versions', model_version: '1' }),
    infer({ model_name: 'other' }),
    infer({ model_name: 'versions' }),
  ];
  return [
    ...one.flatMap((message) => [call('ModelInfer', message), call('ModelStreamInfer', message)]),
    call('ModelStreamInfer'),
    call('ModelStreamInfer', infer({ id: '1' }), infer({ id: '2', model_name: 'nobody' }), infer({ id: '3' })),
    call('ModelStreamInfer', Buffer.from('0a05', 'hex')),
    call('ModelStreamInfer', infer({ id: '1' }), Buffer.from('ff', 'hex'), infer({ id: '3' })),
    call('ModelStreamInfer', Buffer.alloc(0)),
    call('ModelInfer', Buffer.alloc(0)),
    call('ModelInfer', Buffer.from('ff', 'hex')),
    call('ModelStatistics', reference('plain')),
    get('/v2/models/plain/stats'),
  ];
}
