import { describe, expect, it } from 'vitest';
import { CallHead, timeoutMs } from '../../../../../src/frontends/grpc/transport/http2/call-head.ts';
import { HeaderField } from '../../../../../src/http2/header-field.ts';

const fieldsOf = (fields: Readonly<Record<string, string>>) =>
  Object.entries(fields).map(([name, value]) => new HeaderField(name, value));

describe('timeoutMs', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['4m', 4],
    ['5000u', 5],
    ['6000000n', 6],
    ['1n', 1e-6],
    ['0S', 0],
    ['00000001S', 1000],
    ['99999999u', 99_999.999],
    ['2147483S', 2_147_483_000],
    ['2147484S', Infinity],
    ['99999999H', Infinity],
  ])('of %s is %d', (text, ms) => {
    expect(timeoutMs(text)).toBe(ms);
  });

  it.each([
    '',
    'S',
    '1',
    '1s',
    '1h',
    '1ms',
    '-1S',
    '+1S',
    '1.5S',
    '1e3S',
    ' 1S',
    '1S ',
    '1 S',
    '123456789S',
    '0x1S',
    '١S',
    '1\n',
    '1S\n',
    'NaNS',
  ])('of %j is none', (text) => {
    expect(timeoutMs(text)).toBeNaN();
  });
});

describe('CallHead', () => {
  it('reads the fields for the transport', () => {
    const head = new CallHead();
    head.read(
      fieldsOf({
        ':method': 'POST',
        ':scheme': 'http',
        ':path': '/s/M',
        'content-type': 'application/grpc',
        'grpc-timeout': '1S',
        'grpc-encoding': 'gzip',
        'grpc-accept-encoding': 'gzip,deflate',
        'x-other': 'y',
      }),
    );
    expect(head).toMatchObject({ method: 'POST', path: '/s/M', timeout: '1S', encoding: 'gzip', isGrpc: true });
    expect(head.acceptedEncodings).toBe('gzip,deflate');
  });

  it('keeps nothing of the call before', () => {
    const head = new CallHead();
    head.read(
      fieldsOf({ 'grpc-timeout': '1S', 'grpc-encoding': 'gzip', 'grpc-accept-encoding': 'gzip', ':path': '/a' }),
    );
    head.read([]);
    expect(head).toMatchObject({ method: '', path: '', contentType: '', timeout: '', encoding: 'identity' });
    expect([head.acceptedEncodings, head.isGrpc]).toEqual(['', false]);
  });

  it.each([
    ['application/grpc', true],
    ['application/grpc+proto', true],
    ['application/grpc;charset=utf-8', true],
    ['Application/gRPC+proto', true],
    ['application/grpc-web', false],
    ['application/grpcx', false],
    ['application/json', false],
    ['', false],
  ])('takes the content-type %j for gRPC: %s', (type, isGrpc) => {
    const head = new CallHead();
    head.read(fieldsOf({ 'content-type': type }));
    expect(head.isGrpc).toBe(isGrpc);
  });
});
