/**
 * Decides which batches are replayed as CUDA graphs: `enable_cuda_graph` of the `cuda` accelerator or Triton's
 * `optimization { cuda { graphs: true } }` ask for them. Why so few models have them is in
 * docs/decisions/0033-cuda-graphs.md.
 */

import type { Findings } from '../findings.ts';
import type { ConfigMessage } from '../schema/config-message.ts';

export const graphOption = 'enable_cuda_graph';

/** The more sizes, the less padding, but each is captured while the model loads and takes memory of the device. */
const mostGraphs = 64;

/** Flags of an accelerator, as ONNX Runtime and Triton write them. */
export const isOn = (value: string): boolean => value === '1' || value.toLowerCase() === 'true';
export const isOff = (value: string): boolean => value === '0' || value.toLowerCase() === 'false';

export function asksForGraphs({ optimization }: ConfigMessage): boolean {
  const onGpu = optimization?.execution_accelerators?.gpu_execution_accelerator ?? [];
  return (
    optimization?.cuda?.graphs === true ||
    onGpu.some(({ name, parameters }) => name === 'cuda' && isOn(parameters?.[graphOption] ?? ''))
  );
}

interface GraphFacts {
  /** The operator by which rows of a batch influence each other; undefined for none. */
  readonly sharedScale: string | undefined;
  readonly runEntries: ReadonlyMap<string, string>;
}

/** For instances on a GPU: the rows, ascending; empty where no graphs are asked for or possible. */
export function readGraphRows(message: ConfigMessage, facts: GraphFacts, findings: Findings): readonly number[] {
  if (!asksForGraphs(message)) return [];
  const reason = obstacle(message, facts);
  if (reason !== null) {
    findings.ignore(`CUDA graphs: ${reason}`, message, 'optimization');
    return [];
  }
  const maxBatchSize = message.max_batch_size ?? 0;
  const specs = message.optimization?.cuda?.graph_spec ?? [];
  const rows = new Set<number>();
  for (const spec of specs) {
    const size = spec.batch_size ?? 0;
    if (size >= 0 && size <= maxBatchSize) rows.add(Math.max(1, size));
    else findings.refuse(`graph_spec: batch_size expects 1 to max_batch_size (${maxBatchSize}), got ${size}`, spec);
  }
  if (rows.size > mostGraphs)
    findings.refuse(`graph_spec: expects at most ${mostGraphs} sizes, got ${rows.size}`, message);
  if (specs.length === 0) {
    for (let size = 1; size < maxBatchSize; size *= 2) rows.add(size);
    rows.add(maxBatchSize);
  }
  return [...rows].sort((a, b) => a - b);
}

/** Why this model can have no graphs, as far as the configuration says; null when nothing is in the way. */
function obstacle(message: ConfigMessage, { sharedScale, runEntries }: GraphFacts): string | null {
  const onGpu = message.optimization?.execution_accelerators?.gpu_execution_accelerator ?? [];
  if (onGpu.some(({ name }) => name === 'tensorrt')) return 'not with the tensorrt accelerator';
  if ((message.max_batch_size ?? 0) === 0) return 'the model does not batch (max_batch_size is 0)';
  if (sharedScale !== undefined) return `${sharedScale} takes one scale from all rows, so batches are not padded`;
  if ([...runEntries.values()].some((devices) => devices.includes('gpu'))) {
    return 'graphs use memory that memory.enable_memory_arena_shrinkage would return';
  }
  return null;
}
