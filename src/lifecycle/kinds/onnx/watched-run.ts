/**
 * One run of an instance with limits: it is cancelled at its timeout, when the process has grown too much, or when the
 * load is cancelled. ONNX Runtime ends a run between two operators of the model. If an operator never returns, the run
 * cannot be ended and its instance is given up.
 */

import type { EngineBatch, EngineInstance, Ticket } from '../../../engine/engine.ts';
import type { InferenceError } from '../../../errors.ts';
import type { MadeShape } from '../../../scheduling/running/scatter.ts';
import type { Clock } from '../../../time.ts';
import type { MemoryProbe } from './process-memory.ts';

/** How often time and memory are checked while the model runs. */
const lookMs = 10;

/** How long a cancelled run may take to end. */
const graceMs = 1000;

interface RunLimits {
  /** The timeout, as a time of the clock. */
  readonly untilMs: number;
  /** Bytes by which the process may grow meanwhile; other work of the process counts too. */
  readonly maxGrowthBytes: number;
  /** Null when the run cannot be cancelled from outside. */
  readonly signal: AbortSignal | null;
}

/** Why a run was cancelled. */
type EndReason = 'time' | 'memory' | 'aborted';

export interface RunOutcome {
  /** Null: the run was not cancelled. */
  readonly ended: EndReason | null;
  /** True: the run has not ended although it was cancelled; its instance must not be used. */
  readonly isStuck: boolean;
  /** The error of the run; null also when it is stuck. */
  readonly error: InferenceError | null;
  /** Of the outputs; empty where there are none. */
  readonly shapes: readonly MadeShape[];
  readonly tookMs: number;
  /** The largest growth of the process that was observed. */
  readonly growthBytes: number;
}

export interface RunTools {
  readonly clock: Clock;
  readonly memory: MemoryProbe;
}

/** Resolves when the batch is done, or `graceMs` after it was cancelled. Never rejects. */
export function watchedRun(
  instance: EngineInstance,
  batch: EngineBatch,
  limits: RunLimits,
  { clock, memory }: RunTools,
): Promise<RunOutcome> {
  const startMs = clock.now();
  const { residentBytes: startBytes, peakBytes: startPeak } = memory.read();
  let highest = startBytes;
  let ended: EndReason | null = null;
  let endedMs = 0;
  return new Promise((resolve) => {
    let cancel = (): void => undefined;
    let isOver = false;
    let ticket: Ticket | null = null;
    const finish = (error: InferenceError | null, isStuck: boolean, shapes: readonly MadeShape[]): void => {
      isOver = true;
      cancel();
      const { residentBytes, peakBytes } = memory.read();
      // A peak between two readings is noticed if it is the highest ever; a lower one was affordable before.
      highest = Math.max(highest, residentBytes, peakBytes > startPeak ? peakBytes : 0);
      resolve({ ended, isStuck, error, shapes, tookMs: clock.now() - startMs, growthBytes: highest - startBytes });
    };
    const reasonToEnd = (): EndReason | null => {
      if (limits.signal?.aborted) return 'aborted';
      if (highest - startBytes > limits.maxGrowthBytes) return 'memory';
      return clock.now() >= limits.untilMs ? 'time' : null;
    };
    const look = (): void => {
      highest = Math.max(highest, memory.read().residentBytes);
      if (ended === null) {
        ended = reasonToEnd();
        endedMs = clock.now();
        if (ended !== null) ticket?.end();
      } else if (clock.now() - endedMs >= graceMs) {
        finish(null, true, []);
        return;
      }
      cancel = clock.schedule(clock.now() + lookMs, look);
    };
    ticket = instance.submit(batch, (result) => {
      const { error } = result;
      const shapes = result.outputs.map(({ index, shape }) => ({ index, shape }));
      result.release();
      if (!isOver) finish(error, false, shapes);
    });
    if (!isOver) cancel = clock.schedule(clock.now() + lookMs, look);
  });
}
