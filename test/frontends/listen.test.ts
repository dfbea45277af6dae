import { describe, expect, it } from 'vitest';
import { isLinkLocal, listenError } from '../../src/frontends/listen.ts';

const failure = (code: string): NodeJS.ErrnoException => Object.assign(new Error(`bind ${code}`), { code });

describe('an address that cannot be bound', () => {
  it.each(['fe80::1', 'fe80::1%nosuch'])('is told to need a zone if it is link-local: %s', (host) => {
    expect(listenError('grpc', { host, port: 8001 }, failure('EINVAL')).message).toBe(
      `Socket '[${host}]:8001' cannot be opened: a link-local address needs the zone of an interface of this machine, ` +
        'such as fe80::1%eth0; check --grpc-address',
    );
  });

  it('keeps the reason of the system otherwise', () => {
    const { message } = listenError('http', { host: '::1', port: 1 }, failure('EINVAL'));
    expect(message).toContain('(bind EINVAL); check --http-address and --http-port');
    expect(listenError('http', { host: 'fe80::1%eth0', port: 1 }, failure('EADDRINUSE')).message).toContain(
      'already in use',
    );
  });
});

describe('a link-local address', () => {
  it('is one of fe80::/10', () => {
    const hosts = ['fe80::1', 'FEBF::1%eth0', 'fec0::1', 'fe8::1', '::1', 'fe80.example.com', 'fe80'];
    expect(hosts.map(isLinkLocal)).toEqual([true, true, false, false, false, false, false]);
  });
});
