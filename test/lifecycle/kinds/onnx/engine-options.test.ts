import { describe, expect, it } from 'vitest';
import { inspectionOptions } from '../../../../src/lifecycle/kinds/onnx/engine-options.ts';
import { readConfigMessage } from '../../../../src/model-config/resolve-config.ts';

const settings = { autoComplete: true, defaultMaxBatchSize: 4, gpuOrdinals: [] as readonly number[] };

const optionsOf = (text: string, gpuOrdinals: readonly number[] = []) => {
  const source = { kind: 'file', path: '/models/m/config.pbtxt', text } as const;
  const query = { modelName: 'm', source, settings: { ...settings, gpuOrdinals } };
  return inspectionOptions('/models/m', readConfigMessage(query), query.settings);
};

describe('a model is inspected', () => {
  it('with the libraries that it is served with, which cannot lie outside its folder', () => {
    const libraries = (names: string): string => `model_operations { op_library_filename: [ ${names} ] }`;
    const inside = optionsOf(libraries('"a.so", "ops/./b.so"'));
    expect(inside.customOpLibraries).toEqual(['/models/m/a.so', '/models/m/ops/b.so']);
    expect(() => optionsOf(libraries('"/lib/c.so"'))).toThrow("op library '/lib/c.so' of model 'm' must stay within");
    expect(() => optionsOf(libraries('"../d.so"'))).toThrow("op library '../d.so' of model 'm' must stay within");
  });

  it('with the session entries that it is served with', () => {
    const text = 'parameters { key: "session.disable_quant_qdq" value { string_value: "1" } }';
    expect(optionsOf(text).sessionEntries).toEqual(new Map([['session.disable_quant_qdq', '1']]));
  });

  it('on the first GPU that it is served on, if any', () => {
    expect(optionsOf('').device).toEqual({ kind: 'cpu' });
    expect(optionsOf('', [1, 2]).device).toEqual({ kind: 'cuda', ordinal: 1 });
    expect(optionsOf('instance_group { kind: KIND_CPU }', [1]).device).toEqual({ kind: 'cpu' });
  });
});
