import { describe, expect, it } from 'vitest';

import {
  datatypeNames,
  datatypeOf,
  datatypeOfConfigName,
  datatypeOfOnnxCode,
  datatypes,
} from '../../src/tensor/datatype.ts';

describe('the datatypes', () => {
  it('are fourteen, each found by its three names', () => {
    expect(datatypeNames).toHaveLength(14);
    for (const name of datatypeNames) {
      expect(datatypeOf(name)).toBe(name);
      expect(datatypeOfConfigName(datatypes[name].configName)).toBe(name);
      expect(datatypeOfOnnxCode(datatypes[name].onnxCode)).toBe(name);
    }
  });

  it('have the widths that their names say', () => {
    for (const name of datatypeNames) {
      const bits = /\d+$/.exec(name)?.[0];
      if (bits !== undefined) expect(datatypes[name].byteSize).toBe(Number(bits) / 8);
    }
    expect(datatypes.BOOL.byteSize).toBe(1);
    expect(datatypes.BYTES.byteSize).toBe(0);
  });

  it.each(['fp32', 'TYPE_FP32', 'FP8', '', 'constructor', '__proto__'])('do not include %j', (name) => {
    expect(datatypeOf(name)).toBeNull();
  });

  it('do not include further types of configurations and ONNX', () => {
    expect(datatypeOfConfigName('TYPE_INVALID')).toBeNull();
    expect(datatypeOfOnnxCode(0)).toBeNull();
    expect(datatypeOfOnnxCode(17)).toBeNull();
  });
});
