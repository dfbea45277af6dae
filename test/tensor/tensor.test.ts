import { describe, expect, it } from 'vitest';

import { expectedByteLength } from '../../src/tensor/tensor.ts';

describe('the bytes a tensor must have', () => {
  it('follow from its datatype and shape', () => {
    expect(expectedByteLength('FP32', [2, 3])).toBe(24);
    expect(expectedByteLength('BF16', [5])).toBe(10);
    expect(expectedByteLength('BOOL', [])).toBe(1);
    expect(expectedByteLength('FP64', [0, 7])).toBe(0);
  });

  it('are unknown for strings, impossible shapes and sizes beyond exact numbers', () => {
    expect(expectedByteLength('BYTES', [2])).toBeNull();
    expect(expectedByteLength('FP32', [-1, 4])).toBeNull();
    expect(expectedByteLength('FP64', [2 ** 51])).toBeNull();
    expect(expectedByteLength('UINT8', [2 ** 51])).toBe(2 ** 51);
  });
});
