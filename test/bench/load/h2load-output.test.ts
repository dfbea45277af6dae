import { describe, expect, it } from 'vitest';

import { missingAnswers, readLatencies, readSummary } from '../../../bench/load/h2load-output.ts';

const output = (requests: string, codes: string): string => `Warm-up phase is over for thread #0.
Main benchmark duration is started for thread #0.
Main benchmark duration is over for thread #0. Stopping all clients.
Stopped all clients for thread #0

finished in 2.50s, 4826.00 req/s, 621.45KB/s
requests: ${requests}
status codes: ${codes}
traffic: 1.21MB (1272722) total, 31.55KB (32307) headers (space savings 96.26%), 1.02MB (1066900) data
                     min         max         mean         sd        +/- sd
time for request:      191us    314.69ms     12.88ms     33.87ms    94.29%
`;

const good = '9652 total, 9652 started, 9652 done, 9652 succeeded, 0 failed, 0 errored, 0 timeout';

describe('readSummary', () => {
  it('reads the requests and the bytes of their answers', () => {
    expect(readSummary(output(good, '9652 2xx, 0 3xx, 0 4xx, 0 5xx'))).toEqual({
      succeeded: 9652,
      failed: 0,
      bodyBytes: 1_066_900,
    });
  });

  it('counts failed, broken and late requests and other status codes as failures', () => {
    const failed = '10 total, 10 started, 10 done, 7 succeeded, 3 failed, 3 errored, 0 timeout';
    expect(readSummary(output(failed, '7 2xx, 0 3xx, 0 4xx, 0 5xx')).failed).toBe(3);
    expect(readSummary(output(good, '9650 2xx, 0 3xx, 1 4xx, 1 5xx')).failed).toBe(2);
    const late = '10 total, 10 started, 8 done, 8 succeeded, 0 failed, 1 errored, 1 timeout';
    expect(readSummary(output(late, '8 2xx, 0 3xx, 0 4xx, 0 5xx')).failed).toBe(2);
  });

  it('refuses output without a summary', () => {
    expect(() => readSummary('Warm-up started for thread #0.\n')).toThrow('Warm-up started');
  });
});

describe('readLatencies', () => {
  it('has the times of good answers and leaves out bad ones and a line that is cut off', () => {
    const lines = ['1\t200\t100', '2\t200\t300', '3\t500\t9000', '4\t-1\t9000', '5\t200\t200', '6\t200\t77'];
    const latencies = readLatencies(lines.join('\n'));
    expect(latencies.quantileUs(0.5)).toBeGreaterThan(195);
    expect(latencies.quantileUs(0.5)).toBeLessThan(205);
    expect(latencies.maxUs).toBe(300);
    expect(latencies.quantileUs(0)).toBeGreaterThan(95);
  });

  it('is empty for an empty log', () => {
    expect(readLatencies('').quantileUs(0.5)).toBe(0);
  });
});

describe('missingAnswers', () => {
  const summary = { succeeded: 1000, failed: 0, bodyBytes: 100_000 };

  it('lets the window have as many answers without bytes as can be under way', () => {
    expect(missingAnswers(summary, 100, 0)).toBeNull();
    expect(missingAnswers({ ...summary, bodyBytes: 93_600 }, 100, 64)).toBeNull();
    expect(missingAnswers({ ...summary, bodyBytes: 93_599 }, 100, 64)).toContain('93599 bytes');
  });
});
