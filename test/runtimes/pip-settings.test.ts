import { describe, expect, it } from 'vitest';
import { readIndexSettings } from '../../src/runtimes/pip-settings.ts';

const home = '/home/me';
type Files = Readonly<Record<string, string>>;

const settings = (files: Files = {}, env: Readonly<Record<string, string>> = {}, indexUrl: string | null = null) =>
  readIndexSettings(indexUrl, env, home, (path) => files[path] ?? null);

describe('the package index', () => {
  it('is the public one unless something else is said', () => {
    expect(settings()).toEqual({
      indexUrls: ['https://pypi.org/simple/'],
      proxy: null,
      certFile: null,
      trustedHosts: [],
      timeoutMs: 60_000,
    });
  });

  it('is taken from the command line, then PIP_INDEX_URL, then the files of pip, the user’s before the system’s', () => {
    const files = {
      '/etc/pip.conf': '[global]\nindex-url = https://system.example/simple\n',
      '/home/me/.config/pip/pip.conf': '[global]\nindex_url: https://user.example/simple/\n',
    };
    const first = (...given: Parameters<typeof settings>): string => settings(...given).indexUrls[0];
    expect(first({ '/etc/pip.conf': files['/etc/pip.conf'] })).toBe('https://system.example/simple/');
    expect(first(files)).toBe('https://user.example/simple/');
    expect(first(files, { PIP_INDEX_URL: 'https://env.example/s' })).toBe('https://env.example/s/');
    expect(first(files, { PIP_INDEX_URL: 'https://env.example' }, 'http://127.0.0.1:9/i')).toBe(
      'http://127.0.0.1:9/i/',
    );
  });

  it('is followed by extra indexes, which a command line with its own does not want', () => {
    const text = '[install]\nextra-index-url =\n  https://a.example/s\n  https://b.example/s\n';
    expect(settings({ '/etc/pip.conf': text }).indexUrls).toEqual([
      'https://pypi.org/simple/',
      'https://a.example/s/',
      'https://b.example/s/',
    ]);
    expect(settings({ '/etc/pip.conf': text }, {}, 'https://c.example').indexUrls).toEqual(['https://c.example/']);
  });

  it('brings its proxy, certificates, trusted hosts and time limit from the same places', () => {
    const text = `# comment
[global]
proxy = http://proxy.example:3128
trusted-host = a.example
    b.example:8443
[install]
timeout = 5
[freeze]
timeout = 1
`;
    const env = { VIRTUAL_ENV: '/env', PIP_CERT: '/certs.pem' };
    expect(settings({ '/env/pip.conf': text }, env)).toMatchObject({
      proxy: 'http://proxy.example:3128',
      certFile: '/certs.pem',
      trustedHosts: ['a.example', 'b.example:8443'],
      timeoutMs: 5000,
    });
    expect(settings({}, { REQUESTS_CA_BUNDLE: '/r.pem' }).certFile).toBe('/r.pem');
  });

  it('is read from PIP_CONFIG_FILE last, and from no file with /dev/null', () => {
    const files = { '/mine': '[global]\nindex-url=https://mine.example', '/etc/pip.conf': '[global]\ntimeout=7' };
    const both = settings(files, { PIP_CONFIG_FILE: '/mine' });
    expect(both).toMatchObject({ indexUrls: ['https://mine.example/'], timeoutMs: 7000 });
    expect(settings(files, { PIP_CONFIG_FILE: '/dev/null' }).timeoutMs).toBe(60_000);
  });

  it('is refused without repeating it when it is no address of the web', () => {
    expect(() => settings({}, {}, 'file:///packages')).toThrow(
      /must be an http or https address, not one with 'file:'/,
    );
    expect(() => settings({}, {}, 'me:secret@host')).toThrow(/^(?!.*secret)/);
  });
});
