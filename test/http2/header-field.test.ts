import { describe, expect, it } from 'vitest';
import { HeaderField, pseudoHeader } from '../../src/http2/header-field.ts';

const faultOf = (name: string, value: string) => new HeaderField(name, value).fault;

describe('HeaderField', () => {
  it('counts 32 octets beside its strings', () => {
    expect(new HeaderField('te', 'trailers').sizeBytes).toBe(42);
    expect(new HeaderField('', '').sizeBytes).toBe(32);
  });

  it('tells the pseudo-headers of a request by bits that can be combined', () => {
    const bits = [':method', ':scheme', ':path', ':authority', ':status', ':', 'method', 'grpc-timeout'].map(
      (name) => new HeaderField(name, 'x').pseudo,
    );
    const { method, scheme, path, authority, other, none } = pseudoHeader;
    expect(bits).toEqual([method, scheme, path, authority, other, other, none, none]);
    expect(method | scheme | path | authority | other).toBe(31);
  });

  it.each([
    ['te', 'trailers'],
    ['te', 'Trailers'],
    ['grpc-timeout', '1S'],
    [':path', '/a b'],
    ["x!#$%&'*+-.^_`|~09", 'a\tb c\x80\xff'],
    ['x', ''],
    ['upgrade-insecure-requests', '1'],
  ])('finds nothing wrong with %j: %j', (name, value) => {
    expect(faultOf(name, value)).toBeNull();
  });

  it('finds fault with an empty name', () => {
    expect(faultOf('', 'x')).toMatch(/empty name/);
  });

  it('finds fault with just those characters in a name that RFC 9113 8.2.1 forbids', () => {
    for (let code = 0; code < 256; code++) {
      const isForbidden = code <= 0x20 || (code >= 0x41 && code <= 0x5a) || code === 0x3a || code >= 0x7f;
      for (const name of [`a${String.fromCharCode(code)}`, `${String.fromCharCode(code)}a`]) {
        const isPseudo = name === ':a';
        expect(faultOf(name, 'x') !== null, JSON.stringify(name)).toBe(isForbidden && !isPseudo);
      }
    }
    expect(faultOf('::a', 'x')).toMatch(/character/);
    expect(faultOf('a\u0161', 'x')).toMatch(/character/);
  });

  it('finds fault with just NUL, CR and LF inside a value', () => {
    for (let code = 0; code < 256; code++) {
      const isForbidden = code === 0 || code === 10 || code === 13;
      expect(faultOf('x', `a${String.fromCharCode(code)}b`) !== null, `${code}`).toBe(isForbidden);
      expect(faultOf('grpc-timeout', `a${String.fromCharCode(code)}b`) !== null, `${code}`).toBe(isForbidden);
    }
  });

  it.each([' a', 'a ', '\ta', 'a\t', ' '])('finds fault with white space at an end of a value: %j', (value) => {
    expect(faultOf('x', value)).toMatch(/white space/);
  });

  it.each(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade'])(
    'finds fault with the connection-specific field %s',
    (name) => {
      expect(faultOf(name, 'x')).toBe(`the header field ${name} is not for HTTP/2`);
    },
  );

  it('finds fault with te other than trailers', () => {
    expect(faultOf('te', 'gzip')).toMatch(/te has a value other than trailers/);
    expect(faultOf('te', 'trailers, gzip')).toMatch(/te has/);
  });

  it('is sent as it is unless told otherwise, and never indexed when it is sensitive', () => {
    expect(new HeaderField('a', 'b').indexing).toBe('none');
    expect(new HeaderField('a', 'b', false, 'incremental').indexing).toBe('incremental');
    expect(new HeaderField('a', 'b', true, 'incremental').indexing).toBe('never');
    expect(new HeaderField('a', 'b', true).isSensitive).toBe(true);
  });
});
