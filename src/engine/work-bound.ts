/**
 * Decides whether the size of a model's inputs bounds the time of a batch; only such a model may run on the event loop.
 */

import type { OnnxFileFacts } from './onnx-file/onnx-facts.ts';

/** Operators of the ONNX domain whose work depends on the values of an input, not only on its size. */
const valueBound: ReadonlySet<string> = new Set([
  'AffineGrid',
  'BlackmanWindow',
  'CenterCropPad',
  'Col2Im',
  'ConstantOfShape',
  'DFT',
  'Expand',
  'HammingWindow',
  'HannWindow',
  'Loop',
  'MaxUnpool',
  'MelWeightMatrix',
  'OneHot',
  'Pad',
  'Range',
  'Resize',
  'STFT',
  'Tile',
  'Upsample',
]);

/**
 * False also for operators outside ONNX's own domains, which are unknown, and for files whose operators are not known
 * (null).
 */
export function isBoundedWork(facts: Pick<OnnxFileFacts, 'operators'> | null): boolean {
  if (facts === null) return false;
  for (const operator of facts.operators) {
    if (valueBound.has(operator)) return false;
    if (operator.includes('::') && !operator.startsWith('ai.onnx.ml::')) return false;
  }
  return true;
}
