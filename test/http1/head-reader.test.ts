import { describe, expect, it } from 'vitest';
import { HeadReader } from '../../src/http1/head-reader.ts';
import { Refusal } from '../../src/http1/refusal.ts';
import type { RequestHead } from '../../src/http1/request-head.ts';

const head = 'GET /v2 HTTP/1.1\r\nHost: x\r\nX-A: b\r\n\r\n';
const notValid = '400 the request is not valid HTTP/1.1: ';

/** Reads heads from pieces, each in a buffer that is overwritten behind it, as that of the server is. */
class Reading {
  readonly reader: HeadReader;
  readonly heads: RequestHead[] = [];
  refusal: string | null = null;

  constructor(maxBytes = 16 * 1024) {
    this.reader = new HeadReader(maxBytes);
  }

  get targets(): string[] {
    return this.heads.map(({ target }) => target);
  }

  say(...pieces: readonly string[]): this {
    for (const piece of pieces) this.#read(piece);
    return this;
  }

  #read(piece: string): void {
    const bytes = Buffer.from(`##${piece}##`, 'latin1');
    const end = bytes.length - 2;
    try {
      for (let at = 2; at < end && this.refusal === null; ) {
        const to = this.reader.read(bytes, at, end);
        expect(to).toBeGreaterThan(at);
        at = to;
        const taken = this.reader.take();
        if (taken !== null) this.heads.push(taken);
        else expect(at, 'without a head all is taken').toBe(end);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refusal = `${error.status} ${error.message}`;
    }
    bytes.fill(0xee);
  }
}

/** A head of exactly so many bytes. */
function headOf(bytes: number, target = '/'): string {
  const empty = `GET ${target} HTTP/1.1\r\nHost: x\r\nX: \r\n\r\n`;
  return empty.replace('X: ', `X: ${'a'.repeat(bytes - empty.length)}`);
}

describe('a head', () => {
  it('is the same wherever it is cut', () => {
    const [whole] = new Reading().say(head).heads;
    for (let at = 1; at < head.length; at++) {
      const { heads } = new Reading().say(head.slice(0, at), head.slice(at));
      expect(heads, `cut at ${at}`).toEqual([whole]);
    }
    expect(new Reading().say(...head).heads).toEqual([whole]);
  });

  it('has begun from its first byte to its last', () => {
    const reading = new Reading();
    for (let at = 0; at < head.length; at++) {
      expect(reading.reader.hasBegun).toBe(at > 0);
      reading.say(head[at]);
    }
    expect(reading.reader.hasBegun).toBe(false);
  });

  it('may have empty lines in front, in any pieces, which are no beginning', () => {
    const reading = new Reading().say('\r\n\r\n', '\r', '\n\r');
    expect(reading.reader.hasBegun).toBe(false);
    expect(reading.say(`\n${head}`, `\r\n${head}`, ...`\r\n\r\n${head}`).targets).toEqual(['/v2', '/v2', '/v2']);
  });

  it.each([
    ['a CR alone before it', '\rG', 'a CR is not followed by LF'],
    ['two CRs before it', '\r\r\n', 'a CR is not followed by LF'],
    ['an LF alone before it', '\n', 'it begins with the byte 0x0a, expected a method'],
    ['a blank before it', ' GET', 'it begins with the byte 0x20, expected a method'],
    ['a zero byte', '\0', 'it begins with the byte 0x00, expected a method'],
    ['a letter beyond ASCII', '\xef\xbb\xbfGET', 'it begins with the byte 0xef, expected a method'],
    ['TLS', '\x16\x03\x01', 'it begins like TLS, but this port speaks plain HTTP'],
    ['a line that ends with LF', 'GET / HTTP/1.1\n', 'a line ends with LF alone, expected CRLF'],
    ['a header that ends with LF', 'GET / HTTP/1.1\r\nHost: x\n', 'a line ends with LF alone, expected CRLF'],
    ['an empty line of LF', 'GET / HTTP/1.1\r\nHost: x\r\n\n', 'a line ends with LF alone, expected CRLF'],
    ['a CR within a line', 'GET / HTTP/1.1\r\nHost: x\rY: z\r\n', 'a CR is not followed by LF'],
    ['two CRs', 'GET / HTTP/1.1\r\r\n', 'a CR is not followed by LF'],
  ])('is refused for %s, as soon as that is known', (_, text, reason) => {
    expect(new Reading().say(text).refusal).toBe(notValid + reason);
    expect(new Reading().say(...text).refusal).toBe(notValid + reason);
    expect(new Reading().say(head, text).refusal).toBe(notValid + reason);
  });

  it('may be as large as the limit and no larger, whole or in pieces', () => {
    const tooLarge = '431 the request head exceeds 200 bytes';
    const [fits, larger] = [headOf(200), headOf(201)];
    expect([fits.length, larger.length]).toEqual([200, 201]);
    for (const cut of [1, 2, 7, 100, 199, 200, 201]) {
      const pieces = (text: string) => text.match(new RegExp(`[\\s\\S]{1,${cut}}`, 'g')) ?? [];
      expect(new Reading(200).say(...pieces(fits)), `pieces of ${cut}`).toMatchObject({
        refusal: null,
        targets: ['/'],
      });
      expect(new Reading(200).say(...pieces(larger)), `pieces of ${cut}`).toMatchObject({ refusal: tooLarge });
    }
    // Told when the limit is passed, not when an end comes.
    expect(new Reading(200).say('G'.repeat(200)).refusal).toBeNull();
    expect(new Reading(200).say('G'.repeat(201)).refusal).toBe(tooLarge);
    expect(new Reading(200).say('G'.repeat(200), 'G').refusal).toBe(tooLarge);
  });

  it('has as much room behind empty lines and behind other heads', () => {
    const fits = headOf(200);
    const reading = new Reading(200).say(`\r\n\r\n${fits}\r\n`, ...fits, headOf(200, '/b'), fits.slice(0, 9));
    expect(reading.say(fits.slice(9))).toMatchObject({ refusal: null, targets: ['/', '/', '/b', '/'] });
  });

  it('may have as many empty lines in front as a head has bytes', () => {
    expect(new Reading(200).say('\r\n'.repeat(100), head).targets).toEqual(['/v2']);
    expect(new Reading(200).say('\r\n'.repeat(101)).refusal).toMatch(/^431 /);
    expect(new Reading(200).say(...'\r\n'.repeat(101)).refusal).toMatch(/^431 /);
  });

  it('may have some empty lines in front of each, for ever', () => {
    const reading = new Reading(200);
    for (let i = 0; i < 500; i++) reading.say(`\r\n\r\n${head}\r`, '\n');
    for (let i = 0; i < 500; i++) reading.say(head, '\r\n');
    expect([reading.refusal, reading.heads.length]).toEqual([null, 1000]);
  });
});

describe('a head that came before', () => {
  it('is not parsed again', () => {
    const { heads } = new Reading().say(head, head + head, `\r\n${head}`, head);
    expect(heads).toHaveLength(5);
    expect(heads[1]).toBe(heads[0]);
    expect(heads[2]).toBe(heads[0]);
    expect(heads[4]).toBe(heads[3]);
  });

  it('is found again after another', () => {
    const other = head.replace('/v2', '/v3');
    const { targets } = new Reading().say(head, head, other, other, head, head, other);
    expect(targets).toEqual(['/v2', '/v2', '/v3', '/v3', '/v2', '/v2', '/v3']);
  });

  it('is not mistaken for one that begins or ends like it', () => {
    const longer = head.replace('\r\n\r\n', '\r\nX-B: c\r\n\r\n');
    const shorter = 'GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n';
    const { heads } = new Reading().say(head, longer, head, shorter, head, shorter + head, longer);
    expect(heads.map(({ rawHeaders }) => rawHeaders.length)).toEqual([4, 6, 4, 2, 4, 2, 4, 6]);
  });

  it('is the same wherever it is cut, and so are the bytes after it', () => {
    const other = head.replace('b', 'c');
    for (let at = 1; at < head.length; at++) {
      const reading = new Reading().say(head, head.slice(0, at), `${head.slice(at)}${other.slice(0, at)}`);
      const { heads } = reading.say(other.slice(at), head);
      expect(
        heads.map((each) => each.header('x-a')),
        `cut at ${at}`,
      ).toEqual(['b', 'b', 'c', 'b']);
    }
  });

  it('does not hide a CR that waits for its LF', () => {
    expect(new Reading().say(head, '\r', head).refusal).toBe(`${notValid}a CR is not followed by LF`);
    expect(new Reading().say(head, '(', head).refusal).toMatch(/^400 /);
  });

  it('is kept up to 2 KiB', () => {
    const [kept, large] = [headOf(2048), headOf(2049, '/l')];
    const { heads } = new Reading().say(kept, kept, large, large, kept);
    expect([heads[1] === heads[0], heads[3] === heads[2], heads[4] === heads[0]]).toEqual([true, false, true]);
    expect(heads.map(({ target }) => target)).toEqual(['/', '/', '/l', '/l', '/']);
  });
});
