/** Finds models whose rows influence each other although their shapes do not say so: by a scale taken from all rows. */

/**
 * Operators that quantize a whole tensor with the range of its values. A row with large values costs every other row of
 * the batch its precision. Operators that are given their scales, or take one for each row or block, are not among them.
 */
const wholeTensorScale: ReadonlySet<string> = new Set([
  'DynamicQuantizeLinear',
  'com.microsoft::DynamicQuantizeLSTM',
  'com.microsoft::DynamicQuantizeMatMul',
]);

/** The first such operator of a model, without its domain; undefined for none. */
export function sharedScaleOperator(operators: ReadonlySet<string>): string | undefined {
  for (const operator of operators) {
    if (wholeTensorScale.has(operator)) return operator.slice(operator.lastIndexOf(':') + 1);
  }
  return undefined;
}
