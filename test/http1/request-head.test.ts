import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/http1/refusal.ts';
import { parseHead, type RequestHead } from '../../src/http1/request-head.ts';

const host = 'Host: x\r\n';
const withHeaders = (headers: string): RequestHead => parseHead(`POST / HTTP/1.1\r\n${host}${headers}`);
const http10 = (headers = ''): RequestHead => parseHead(`GET / HTTP/1.0\r\n${headers}`);

/** Status and reason. */
function refusalOf(text: string): string {
  try {
    parseHead(text);
  } catch (error) {
    if (error instanceof Refusal) return `${error.status} ${error.message}`;
    throw error;
  }
  return 'served';
}

const notValid = '400 the request is not valid HTTP/1.1: ';

describe('a request line', () => {
  it.each([
    ['/v2/models/m?a=b%20c#d'],
    ['/'],
    ['//'],
    ['/"<>\\^`{|}'],
    ['*'],
    ['http://host:8000/v2'],
    ['HTTP://host'],
  ])('may ask for %s', (target) => {
    expect(parseHead(`GET ${target} HTTP/1.1\r\n${host}`)).toMatchObject({ method: 'GET', target, isHttp10: false });
  });

  it.each(['get', 'M-SEARCH', "!#$%&'*+-.^_`|~09azAZ"])('may have the method %s, whose case is kept', (method) => {
    expect(parseHead(`${method} / HTTP/1.1\r\n${host}`).method).toBe(method);
  });

  it.each([
    ['no target', 'GET HTTP/1.1', 400],
    ['no version', 'GET /', 400],
    ['two blanks', 'GET  / HTTP/1.1', 400],
    ['two blanks before the version', 'GET /  HTTP/1.1', 400],
    ['a tab', 'GET\t/ HTTP/1.1', 400],
    ['a blank in front', ' GET / HTTP/1.1', 400],
    ['a blank behind', 'GET / HTTP/1.1 ', 400],
    ['a blank in its target', 'GET /a b HTTP/1.1', 400],
    ['a letter beyond ASCII in its target', 'GET /\xe4 HTTP/1.1', 400],
    ['a control character in its target', 'GET /\x7f HTTP/1.1', 400],
    ['a method that is no token', 'GE(T / HTTP/1.1', 400],
    ['a small http', 'GET / http/1.1', 400],
    ['a version of two digits', 'GET / HTTP/1.10', 400],
    ['a version without a dot', 'GET / HTTP/11', 400],
    ['a version of letters', 'GET / HTTP/a.b', 400],
    ['HTTP/2.0', 'GET / HTTP/2.0', 505],
    ['HTTP/0.9', 'GET / HTTP/0.9', 505],
    ['HTTP/1.2', 'GET / HTTP/1.2', 505],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0', 505],
    ['CONNECT', 'CONNECT x:1 HTTP/1.1', 501],
    ['a target that is no path', 'GET v2 HTTP/1.1', 400],
    ['a target that is a query', 'GET ?a HTTP/1.1', 400],
    ['a target of CONNECT', 'GET host:80 HTTP/1.1', 400],
    ['something behind the asterisk', 'GET *a HTTP/1.1', 400],
    ['a scheme without a host', 'GET http:// HTTP/1.1', 400],
  ])('with %s is refused', (_, line, status) => {
    expect(refusalOf(`${line}\r\n${host}`)).toMatch(new RegExp(`^${status} `));
  });

  it.each([
    ['GET', `${notValid}its first line is "GET", expected METHOD TARGET HTTP/1.1`],
    ['GET / HTTP/2.0', '505 HTTP/2.0 is not spoken here, expected HTTP/1.1 or HTTP/1.0'],
    ['CONNECT x:1 HTTP/1.1', '501 CONNECT is not supported: this is not a proxy'],
    ['GET v2 HTTP/1.1', `${notValid}its target is "v2", expected a path or an absolute URI`],
    [`${'a'.repeat(50)}`, `${notValid}its first line is "${'a'.repeat(40)}...", expected METHOD TARGET HTTP/1.1`],
  ])('%s is told what is wrong', (line, reason) => {
    expect(refusalOf(`${line}\r\n${host}`)).toBe(reason);
  });
});

describe('headers', () => {
  it('are kept as sent, and found by their names in small letters', () => {
    const head = withHeaders('X-One: a\r\nx-two:b\r\nX-ONE:\t c \t\r\nX-Empty:\r\nX-Blank: \r\n__proto__: d\r\n');
    expect(head.rawHeaders).toEqual([
      ...['Host', 'x', 'X-One', 'a', 'x-two', 'b', 'X-ONE', 'c', 'X-Empty', '', 'X-Blank', '', '__proto__', 'd'],
    ]);
    expect(['x-one', 'x-two', 'x-empty', '__proto__', 'X-One', 'x-three'].map((name) => head.header(name))).toEqual([
      'a, c',
      'b',
      '',
      'd',
      undefined,
      undefined,
    ]);
  });

  it('may hold blanks within and any byte beyond ASCII', () => {
    expect(withHeaders('X:  a \t b\xff\x80  \r\n').header('x')).toBe('a \t b\xff\x80');
  });

  it.each([
    ['a blank before the colon', 'X : a'],
    ['a tab before the colon', 'X\t: a'],
    ['no colon', 'X'],
    ['no name', ': a'],
    ['a name that is no token', 'X(: a'],
    ['a name beyond ASCII', 'X\xe4: a'],
    ['a zero byte', 'X: a\0b'],
    ['a control character', 'X: a\x01'],
    ['a deleted character', 'X: \x7f'],
    ['a vertical tab', 'X: a\x0bb'],
  ])('are refused for %s', (_, line) => {
    expect(refusalOf(`GET / HTTP/1.1\r\n${host}${line}\r\n`)).toBe(
      `${notValid}${JSON.stringify(line)} is not a header, expected Name: value`,
    );
  });

  it.each([' folded', '\tfolded', ' : x'])('are refused when one is folded: %j', (line) => {
    const reason = `${notValid}a header is folded over several lines`;
    expect(refusalOf(`GET / HTTP/1.1\r\n${host}${line}\r\n`)).toBe(reason);
    expect(refusalOf(`GET / HTTP/1.1\r\n${line}\r\n${host}`)).toBe(reason);
  });

  it('have to name one host, of which HTTP/1.0 knows nothing', () => {
    expect(refusalOf('GET / HTTP/1.1\r\n')).toBe(`${notValid}the header Host is missing`);
    expect(refusalOf(`GET / HTTP/1.1\r\n${host}HOST: y\r\n`)).toBe(`${notValid}the header HOST is there twice`);
    expect(refusalOf('GET / HTTP/1.1\r\nHost:\r\n')).toBe('served');
    expect(http10().header('host')).toBeUndefined();
    expect(refusalOf(`GET / HTTP/1.0\r\n${host}${host}`)).toBe(`${notValid}the header Host is there twice`);
  });

  it.each([
    ['behind blanks', `X:${' '.repeat(16_000)}\x01\r\n`],
    ['between blanks', `X: a${' '.repeat(16_000)}b\r\n`],
    ['in an option', `Connection: a${' '.repeat(16_000)}b\r\n`],
  ])('cost no more than their length, whatever they hold %s', (_, header) => {
    const before = process.cpuUsage();
    for (let i = 0; i < 10; i++) refusalOf(`GET / HTTP/1.1\r\n${host}${header}`);
    // Ten times 0.2 s where each blank is a new beginning.
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(500);
  });
});

describe('the length of a body', () => {
  it.each([
    ['', 0],
    ['Content-Length: 0\r\n', 0],
    ['Content-Length: 17\r\n', 17],
    ['content-length:  17 \r\n', 17],
    ['Content-Length: 00000000000000000000000000017\r\n', 17],
    [`Content-Length: ${Number.MAX_SAFE_INTEGER}\r\n`, Number.MAX_SAFE_INTEGER],
    ['Transfer-Encoding: chunked\r\n', null],
    ['Transfer-Encoding:  CHUNKED \r\n', null],
  ])('is read from %j', (headers, bytes) => {
    expect(withHeaders(headers).bodyBytes).toBe(bytes);
    expect(withHeaders(`${headers}X: y\r\n`).bodyBytes).toBe(bytes);
  });

  it.each(['+5', '-5', '5,5', '5, 5', '0x5', '5.0', '5e0', '5 5', '', 'five', '\xb2', '5\xa0', '\xa05'])(
    'is not %j',
    (length) => {
      expect(refusalOf(`POST / HTTP/1.1\r\n${host}Content-Length: ${length}\r\n`)).toBe(
        `${notValid}Content-Length ${JSON.stringify(length)} is not a number of bytes`,
      );
    },
  );

  it.each(['9007199254740992', '18446744073709551621', '9'.repeat(400)])('is not as large as %s', (length) => {
    expect(refusalOf(`POST / HTTP/1.1\r\n${host}Content-Length: ${length}\r\n`)).toMatch(
      /^400 .*Content-Length "9+|1.* is too large for any body$/,
    );
  });

  it.each([
    ['twice', 'Content-Length: 5\r\nContent-Length: 5\r\n', 'the header Content-Length is there twice'],
    [
      'twice in other letters',
      'Content-Length: 5\r\nCONTENT-length: 6\r\n',
      'the header CONTENT-length is there twice',
    ],
    [
      'beside a coding',
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      'it has both Content-Length and Transfer-Encoding',
    ],
    [
      'behind a coding that means nothing',
      'Transfer-Encoding: identity\r\nContent-Length: 5\r\n',
      'it has both Content-Length and Transfer-Encoding',
    ],
  ])('is refused when it is said %s', (_, headers, reason) => {
    expect(refusalOf(`POST / HTTP/1.1\r\n${host}${headers}`)).toBe(notValid + reason);
  });

  it.each([
    ['chunked, chunked', 400],
    ['chunked, gzip', 400],
    ['chunked, gzip, chunked', 400],
    ['identity', 400],
    ['gzip', 400],
    ['', 400],
    ['chunked,', 400],
    [',', 400],
    ['"chunked"', 400],
    ['chunked;q=1', 400],
    ['xchunked', 400],
    ['chunked x', 400],
    ['\xa0chunked', 400],
    ['chunked\xa0', 400],
    ['gzip, chunked', 501],
    ['identity, chunked', 501],
    [', chunked', 501],
  ])('is not known from the coding %j', (coding, status) => {
    const text = `POST / HTTP/1.1\r\n${host}Transfer-Encoding: ${coding}\r\n`;
    expect(refusalOf(text)).toMatch(new RegExp(`^${status} .*Transfer-Encoding `));
  });

  it.each([
    'Content-Length:\t5',
    'content-length: 5\t',
    'Transfer-Encoding: \tchunked',
    'Transfer-Encoding: chunked\t',
  ])('is not told with a tab: %j', (line) => {
    const [name] = line.split(':');
    expect(refusalOf(`POST / HTTP/1.1\r\n${host}${line}\r\n`)).toBe(`${notValid}the header ${name} holds a tab`);
  });

  it('is looked for in all lines of Transfer-Encoding', () => {
    const twice = (first: string, second: string) =>
      refusalOf(`POST / HTTP/1.1\r\n${host}Transfer-Encoding: ${first}\r\nX: y\r\ntransfer-encoding: ${second}\r\n`);
    expect(twice('chunked', 'chunked')).toMatch(/^400 /);
    expect(twice('chunked', 'identity')).toMatch(/^400 /);
    expect(twice('gzip', 'chunked')).toMatch(/^501 /);
  });

  it('is never told in chunks by HTTP/1.0', () => {
    const text = 'POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n';
    expect(refusalOf(text)).toBe(`${notValid}HTTP/1.0 has no Transfer-Encoding`);
    expect(http10('Content-Length: 3\r\n').bodyBytes).toBe(3);
  });
});

describe('a connection', () => {
  it.each([
    ['', true, false],
    ['Connection: close\r\n', false, false],
    ['Connection: CLOSE\r\n', false, false],
    ['Connection: keep-alive\r\n', true, true],
    ['Connection: Keep-Alive\r\n', true, true],
    ['Connection: keep-alive, close\r\n', false, false],
    ['Connection: close , keep-alive\r\n', false, false],
    ['Connection: upgrade\t,\tclose\r\n', false, false],
    ['Connection: keep-alive\r\nConnection: close\r\n', false, false],
    ['Connection: upgrade\r\nconnection: keep-alive\r\n', true, true],
    ['Connection: closed\r\n', true, false],
    ['Connection: close\xa0\r\n', true, false],
    ['Connection: xclose, keep-alivex\r\n', true, false],
    ['Connection: ,\r\n', true, false],
    ['Keep-Alive: timeout=5\r\n', true, false],
    ['Proxy-Connection: close\r\n', true, false],
  ])('after %j goes on: HTTP/1.1 %s, HTTP/1.0 %s', (headers, is11Kept, is10Kept) => {
    expect([withHeaders(headers).keepsAlive, http10(headers).keepsAlive]).toEqual([is11Kept, is10Kept]);
  });
});

describe('an expectation', () => {
  const length = 'Content-Length: 5\r\n';

  it.each([
    [`Expect: 100-continue\r\n${length}`, true],
    [`expect:  100-CONTINUE \r\n${length}`, true],
    ['Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n', true],
    ['Expect: 100-continue\r\n', false],
    ['Expect: 100-continue\r\nContent-Length: 0\r\n', false],
    [length, false],
  ])('%j: %s', (headers, isExpected) => {
    expect(withHeaders(headers).expectsContinue).toBe(isExpected);
  });

  it('is none from HTTP/1.0', () => {
    expect(http10(`Expect: 100-continue\r\n${length}`).expectsContinue).toBe(false);
    expect(http10(`Expect: the worst\r\n${length}`).expectsContinue).toBe(false);
  });

  it.each(['the worst', '', '100-continue, x', '100-continue\xa0'])('of %j cannot be met', (expectation) => {
    expect(refusalOf(`POST / HTTP/1.1\r\n${host}Expect: ${expectation}\r\n${length}`)).toBe(
      `417 Expect ${JSON.stringify(expectation)} cannot be met, only 100-continue can`,
    );
  });

  it('that is said twice cannot be met', () => {
    const twice = 'Expect: 100-continue\r\nExpect: 100-continue\r\n';
    expect(refusalOf(`POST / HTTP/1.1\r\n${host}${twice}${length}`)).toMatch(/^417 /);
  });
});
