import { describe, expect, it } from 'vitest';
import { ChunkedReader } from '../../src/http1/chunked-reader.ts';
import { defaultLimits, type Http1Limits } from '../../src/http1/limits.ts';
import { Refusal } from '../../src/http1/refusal.ts';

interface Outcome {
  readonly content: string;
  readonly isDone: boolean;
  /** What was not taken. */
  readonly rest: string;
  readonly refusal: string | null;
}

/** Reads the pieces one after the other. */
function read(pieces: readonly string[], limits: Partial<Http1Limits> = {}): Outcome {
  const reader = new ChunkedReader({ ...defaultLimits, ...limits });
  let content = '';
  let rest = '';
  const receiver = {
    onData: (bytes: Buffer, start: number, end: number) => {
      expect(end).toBeGreaterThan(start);
      content += bytes.toString('latin1', start, end);
    },
    onEnd: () => expect.unreachable('the end is told by the connection'),
  };
  try {
    for (const piece of pieces) {
      const bytes = Buffer.from(`##${piece}##`, 'latin1');
      const to = reader.read(bytes, 2, bytes.length - 2, { receiver });
      rest += bytes.toString('latin1', to, bytes.length - 2);
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { content, isDone: reader.isDone, rest, refusal: `${error.status} ${error.message}` };
  }
  return { content, isDone: reader.isDone, rest, refusal: null };
}

const notValid = '400 the request is not valid HTTP/1.1: ';
const whole = '4;a=b\r\nWiki\r\nC\r\npedia in 12\n\r\n0;end\r\nX-Sum: 1\t2\xff\r\nY:\r\n\r\n';
const wholeContent = 'Wikipedia in 12\n';

describe('a body in chunks', () => {
  it('is the same wherever it is cut', () => {
    const expected = { content: wholeContent, isDone: true, rest: 'GET /', refusal: null };
    expect(read([`${whole}GET /`])).toEqual(expected);
    expect(read([...`${whole}GET /`])).toEqual(expected);
    for (let at = 1; at < whole.length; at++) {
      expect(read([whole.slice(0, at), `${whole.slice(at)}GET /`]), `cut at ${at}`).toEqual(expected);
    }
  });

  it('is not done before its last byte', () => {
    for (let at = 0; at < whole.length; at++) expect(read([whole.slice(0, at)]).isDone).toBe(false);
  });

  it.each([
    ['0\r\n\r\n', ''],
    ['000000000000\r\n\r\n', ''],
    ['00000000000a\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
    ['A\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
    ['1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n', '\r\n'],
    ['2;x=1;y\r\nab\r\n0;z\r\n\r\n', 'ab'],
    ['2;x="; \\"y\\\\=\t\xff";z=!\r\nab\r\n0;a=""\r\n\r\n', 'ab'],
  ])('may be %j', (text, content) => {
    expect(read([text])).toEqual({ content, isDone: true, rest: '', refusal: null });
  });

  it('goes nowhere once its receiver is taken away, and still ends where it ends', () => {
    const reader = new ChunkedReader(defaultLimits);
    const seen: string[] = [];
    const request: { receiver: { onData(bytes: Buffer, start: number, end: number): void; onEnd(): void } | null } = {
      receiver: {
        onData(bytes, start, end) {
          seen.push(bytes.toString('latin1', start, end));
          request.receiver = null;
        },
        onEnd: () => undefined,
      },
    };
    const bytes = Buffer.from('1\r\na\r\n2\r\nbc\r\n0\r\n\r\nrest');
    expect(reader.read(bytes, 0, bytes.length, request)).toBe(bytes.length - 4);
    expect([reader.isDone, seen]).toEqual([true, ['a']]);
  });

  const noSize = 'a chunk does not begin with its size in hexadecimal digits';
  const noEnd = 'the size of a chunk is not followed by CRLF';
  const noLf = 'a CR is not followed by LF';
  const tooLong = 'a chunk is longer than its size says';
  const noTrailer = 'a line behind the last chunk is not a header';
  const noExtension = 'a chunk extension is not ;name or ;name=value';

  it.each([
    ['\r', noSize],
    ['\n', noSize],
    [';', noSize],
    ['g', noSize],
    ['-', noSize],
    ['+', noSize],
    [' ', noSize],
    ['0x', noEnd],
    ['1 ', noEnd],
    ['1\t', noEnd],
    ['1\n', noEnd],
    ['1,', noEnd],
    ['1_', noEnd],
    ['1\rX', noLf],
    ['1\r\r', noLf],
    ...[
      '\r',
      ' ',
      ';',
      '=',
      '"',
      'a\n',
      'a\0',
      'a\x7f',
      'a ',
      'a\xff',
      'a=\r',
      'a= ',
      'a=;',
      'a==',
      'a=b ',
      'a=b"',
    ].map((text): [string, string] => [`1;${text}`, noExtension]),
    ...['a="\r', 'a="\n', 'a="\0', 'a="\\\r', 'a="b"c', 'a="b"=', 'a="b" '].map((text): [string, string] => [
      `1;${text}`,
      noExtension,
    ]),
    ['1;a\rb', noLf],
    ['1\r\nab', tooLong],
    ['1\r\na\n', tooLong],
    ['1\r\n\r\n', tooLong],
    ['1\r\na\rb', noLf],
    ['1\r\na\r\n\r', noSize],
    ['0\r\n\n', noTrailer],
    ['0\r\n\rX', noLf],
    ['0\r\n:', noTrailer],
    ['0\r\n ', noTrailer],
    ['0\r\n\t', noTrailer],
    ['0\r\na ', noTrailer],
    ['0\r\na\r', noTrailer],
    ['0\r\na(', noTrailer],
    ['0\r\n(', noTrailer],
    ['0\r\n\xe4', noTrailer],
    ['0\r\na\x80', noTrailer],
    ['0\r\na\n', noTrailer],
    ['0\r\na:\n', noTrailer],
    ['0\r\na:\x01', noTrailer],
    ['0\r\na: b\r\n ', noTrailer],
    ['0\r\na: b\rX', noLf],
  ])('is refused at the last byte of %j', (text, reason) => {
    const expected = { isDone: false, refusal: notValid + reason };
    expect(read([text])).toMatchObject(expected);
    expect(read([...text])).toMatchObject(expected);
    expect(read([text.slice(0, -1)])).toMatchObject({ isDone: false, refusal: null });
  });
});

describe('the bounds of a body in chunks', () => {
  it('let a size have twelve digits', () => {
    expect(read(['ffffffffffff\r\na'])).toMatchObject({ content: 'a', refusal: null });
    const refusal = '413 a chunk is announced larger than any body may be';
    expect(read(['1000000000000'])).toMatchObject({ refusal });
    expect(read(['0000000000000'])).toMatchObject({ refusal });
    expect(read([...'0000000000001'])).toMatchObject({ refusal });
  });

  it('are those of all its extensions together', () => {
    const body = '1;abc\r\nx\r\n1;de\r\ny\r\n0;f\r\n\r\n';
    expect(read([body], { maxExtensionBytes: 6 })).toMatchObject({ content: 'xy', isDone: true });
    expect(read([...body], { maxExtensionBytes: 5 })).toMatchObject({
      content: 'xy',
      refusal: '413 the chunk extensions exceed 5 bytes',
    });
  });

  it('are those of all its trailers together, line ends included but the very last', () => {
    const body = '0\r\na: b\r\nc: d\r\n\r\n';
    expect(read([body], { maxTrailerBytes: 13 })).toMatchObject({ isDone: true });
    const refusal = '431 the trailers exceed 12 bytes';
    expect(read([body], { maxTrailerBytes: 12 })).toMatchObject({ isDone: false, refusal });
    expect(read([...body], { maxTrailerBytes: 12 })).toMatchObject({ isDone: false, refusal });
  });

  it('let it have any number of chunks', () => {
    const content = 'x'.repeat(20_000);
    expect(read([`${'1\r\nx\r\n'.repeat(20_000)}0\r\n\r\n`])).toMatchObject({ content, isDone: true });
  });
});
