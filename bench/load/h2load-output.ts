/** Parses the output and the log of h2load. Knows nothing of processes. */

import { LatencyHistogram } from './latency-histogram.ts';

/** The lines by which h2load marks its window. */
export const windowBegins = 'Main benchmark duration is started';
export const windowEnds = 'Main benchmark duration is over';

/** Counts of the window; the warm-up is not in them. */
export interface H2loadSummary {
  readonly succeeded: number;
  /** Failed, broken and timed out. */
  readonly failed: number;
  /** Content of DATA frames that came back. */
  readonly bodyBytes: number;
}

/** @throws Error when the summary is not in `text`. */
export function readSummary(text: string): H2loadSummary {
  const requests = /^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout$/m.exec(text);
  const codes = /^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx$/m.exec(text);
  const traffic = /^traffic: .* \((\d+)\) data$/m.exec(text);
  if (requests === null || codes === null || traffic === null) {
    throw new Error(`h2load: expected a summary in its output, got:\n${text.slice(-2000)}`);
  }
  // Among the errored and timed out are failed ones: the larger count has them all.
  const [succeeded, failed, errored, timedOut] = requests.slice(1).map(Number);
  const others = codes.slice(2).reduce((sum, count) => sum + Number(count), 0);
  return { succeeded, failed: Math.max(failed, errored + timedOut, others), bodyBytes: Number(traffic[1]) };
}

/** Lines of `--log-file`: when it began, HTTP status, microseconds, separated by tabs. Bad answers are left out. */
export function readLatencies(log: string): LatencyHistogram {
  const latencies = new LatencyHistogram();
  for (let at = 0; at < log.length; ) {
    const end = log.indexOf('\n', at);
    // A line that was cut off is the last one.
    if (end < 0) break;
    const statusAt = log.indexOf('\t', at) + 1;
    const timeAt = log.indexOf('\t', statusAt) + 1;
    const isLine = statusAt > at && timeAt > statusAt && timeAt < end;
    if (isLine && log.startsWith('200\t', statusAt)) latencies.record(Number(log.slice(timeAt, end)));
    at = end + 1;
  }
  return latencies;
}

/**
 * Null when the answers had the bytes that good ones have, else how they differ. h2load looks at the HTTP status only,
 * which is 200 for gRPC's failures too; but those have no message. At the edges of the window an answer may be counted
 * without its bytes: as many as can be under way.
 */
export function missingAnswers(summary: H2loadSummary, answerBytes: number, underWay: number): string | null {
  const expected = (summary.succeeded - underWay) * answerBytes;
  if (summary.bodyBytes >= expected) return null;
  return `${summary.succeeded} answers of at least ${answerBytes} bytes, but only ${summary.bodyBytes} bytes came back`;
}
