/** Watches the event loop of the calling thread: counts its turns, and writes a line about long ones. */

import type { Logger } from '../logger.ts';
import { type Clock, clockOriginMs } from '../time.ts';
import { GarbageSpans } from './garbage-spans.ts';
import type { NativeTurns } from './native-turns.ts';
import { StallLog } from './stall-log.ts';
import type { TurnRow } from './turn-counts.ts';
import { WorkSpans } from './work-spans.ts';

interface EventLoopWatch {
  /** Takes the long work of this thread, so that a line can name it. */
  readonly spans: WorkSpans;
  /** Long turns after this one are told in the log; all are counted, from the start on. */
  tell(): void;
  close(): void;
}

const hrtimeMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** @param thread named in the lines. */
export function watchEventLoop(
  native: NativeTurns,
  row: TurnRow,
  thread: string,
  clock: Clock,
  logger: Logger,
): EventLoopWatch {
  const spans = new WorkSpans(clock);
  const garbage = new GarbageSpans(spans, clock, clock.now() - hrtimeMs() + clockOriginMs());
  const log = new StallLog({
    ...{ native, row, thread, clock, logger, spans, hrtimeMs },
    watchGarbage: () => garbage.watch(),
  });
  return {
    spans,
    tell: () => log.begin(),
    close() {
      log.close();
      garbage.close();
    },
  };
}
