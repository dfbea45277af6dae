import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, errorCodes } from '../../src/errors.ts';
import { errorStatus, shownMessage } from '../../src/frontends/error-status.ts';

/** The rows of the table of errors in docs/protocol.md. */
function documentedRows(): { http: number; codes: ErrorCode[]; repeat: string }[] {
  const text = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  const row = /^\| (\d{3}) \| ([A-Z_, ]+) \| .* \| ([^|]+) \|$/gm;
  return [...text.matchAll(row)].map(([, http, codes, repeat]) => ({
    http: Number(http),
    codes: (codes ?? '').split(', ').map((code) => code.toLowerCase() as ErrorCode),
    repeat: repeat ?? '',
  }));
}

describe('the documented errors', () => {
  it('have the statuses that clients get', () => {
    // 413 is a case of `resource_exhausted` that has a class of its own.
    const rows = documentedRows().filter(({ http }) => http !== 413);
    const documented = rows.flatMap(({ http, codes }) => codes.map((code) => [code, http]));
    expect(Object.fromEntries(documented)).toEqual(
      Object.fromEntries(errorCodes.map((code) => [code, errorStatus[code].http])),
    );
  });

  it('ask for a repetition where a server may recover, and not of a caller who cancelled', () => {
    const repeated = documentedRows().filter(({ repeat }) => repeat.startsWith('yes'));
    expect(repeated.flatMap(({ codes }) => codes).sort()).toEqual([
      'deadline_exceeded',
      'resource_exhausted',
      'unavailable',
    ]);
  });
});

describe('the message of an answer', () => {
  it('has a limited length, however much it lists', () => {
    expect(shownMessage('x'.repeat(16_384))).toHaveLength(16_384);
    expect(shownMessage('x'.repeat(100_000))).toBe(`${'x'.repeat(16_384)}…`);
  });
});
