import { describe, expect, it } from 'vitest';
import {
  basicAuthorization,
  credentialsOf,
  netrcCredentials,
  withoutCredentials,
} from '../../src/runtimes/credentials.ts';
import { proxyFor } from '../../src/runtimes/proxies.ts';

describe('credentials', () => {
  it('are read from an address, decoded, and are not shown', () => {
    const url = new URL('https://me:p%40ss%zz@host/simple/');
    expect(credentialsOf(url)?.user).toBe('me');
    expect(credentialsOf(new URL('https://__token__:a%3Ab@host'))).toEqual({ user: '__token__', password: 'a:b' });
    expect(credentialsOf(new URL('https://host'))).toBeNull();
    expect(withoutCredentials(url)).toBe('https://host/simple/');
    expect(basicAuthorization({ user: 'me', password: 'ü' })).toBe(`Basic ${Buffer.from('me:ü').toString('base64')}`);
  });

  it('are read from a netrc file by host', () => {
    const text = `# comment machine nowhere login no password no
machine a.example login one password 1
macdef init
  machine b.example login wrong password wrong

machine b.example
  login two
  account x
  password 2
default login any password 3`;
    expect(netrcCredentials(text, 'a.example')).toEqual({ user: 'one', password: '1' });
    expect(netrcCredentials(text, 'b.example')).toEqual({ user: 'two', password: '2' });
    expect(netrcCredentials(text, 'nowhere')).toEqual({ user: 'any', password: '3' });
    expect(netrcCredentials('machine a.example login', 'a.example')).toEqual({ user: '', password: '' });
    expect(netrcCredentials('', 'a.example')).toBeNull();
  });
});

describe('the proxy', () => {
  const chosen = (url: string, env: Readonly<Record<string, string>>, own: string | null = null): string | null =>
    proxyFor(new URL(url), own, env)?.href ?? null;

  it('is that of the scheme, in lower or upper case, else the one for all', () => {
    const env = { https_proxy: 'http://s:1', HTTP_PROXY: 'p:2', ALL_PROXY: 'http://a:3' };
    expect(chosen('https://x.example', env)).toBe('http://s:1/');
    expect(chosen('http://x.example', env)).toBe('http://p:2/');
    expect(chosen('https://x.example', { ALL_PROXY: 'http://a:3' })).toBe('http://a:3/');
    expect(chosen('https://x.example', {})).toBeNull();
  });

  it('is left out for the hosts of no_proxy, unless it was chosen for all requests', () => {
    const env = { https_proxy: 'http://s:1', no_proxy: 'localhost, .inner.example,exact.example:8443' };
    expect(chosen('https://a.inner.example/', env)).toBeNull();
    expect(chosen('https://notinner.example/', env)).not.toBeNull();
    expect(chosen('https://exact.example:8443/', env)).toBeNull();
    expect(chosen('https://exact.example/', env)).not.toBeNull();
    expect(chosen('https://b.example/', { https_proxy: 'http://s:1', no_proxy: '*' })).toBeNull();
    expect(chosen('https://a.inner.example/', env, 'http://own:9')).toBe('http://own:9/');
  });
});
