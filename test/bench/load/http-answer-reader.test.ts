import { describe, expect, it } from 'vitest';

import { HttpAnswerReader } from '../../../bench/load/http-answer-reader.ts';

const answer = (status: string, body: string, header = ''): string =>
  `HTTP/1.1 ${status}\r\n${header}Content-Length: ${body.length}\r\n\r\n${body}`;

function read(parts: readonly Buffer[]): string[] {
  const seen: string[] = [];
  const reader = new HttpAnswerReader((status, body, start) => seen.push(`${status} ${body.joined()} ${start}`));
  for (const part of parts) reader.push(part);
  return seen;
}

describe('HttpAnswerReader', () => {
  const stream = Buffer.from(
    answer('200 OK', '{}abcd', 'Inference-Header-Content-Length: 2\r\n') +
      answer('400 Bad Request', 'no') +
      answer('200 OK', ''),
  );
  const expected = ['200 {}abcd 2', '400 no 2', '200  0'];

  it('cuts several answers out of one read', () => {
    expect(read([stream])).toEqual(expected);
  });

  it('gives the same answers wherever the stream is split', () => {
    for (let at = 1; at < stream.length; at += 1) {
      expect(read([stream.subarray(0, at), stream.subarray(at)])).toEqual(expected);
    }
    expect(read([...stream].map((byte) => Buffer.of(byte)))).toEqual(expected);
  });

  it('refuses an answer without a length', () => {
    const chunked = Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
    expect(() => read([chunked])).toThrow('Content-Length');
  });
});
