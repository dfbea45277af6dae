/**
 * Where packages come from on this machine, as an installed pip takes it: its environment variables, then its
 * configuration files (https://pip.pypa.io/en/stable/topics/configuration/), then the public index.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition } from '../errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

interface IndexSettings {
  /** Addresses of indexes in the order in which they are asked; with credentials where they have some. */
  readonly indexUrls: readonly string[];
  /** The proxy for all requests; null leaves it to the environment. */
  readonly proxy: string | null;
  /** A file with the certificates to trust; null for those of Node. */
  readonly certFile: string | null;
  /** Hosts, or hosts with ports, whose certificates are not checked. */
  readonly trustedHosts: readonly string[];
  /** How long a server may send nothing. */
  readonly timeoutMs: number;
}

const publicIndex = 'https://pypi.org/simple';
/** Longer than pip's 15 s: an index that has to fetch a large wheel first is silent for long. */
const defaultTimeoutMs = 60_000;

/** The settings of one file, by name, of the sections that pip reads for an install. */
function settingsOf(text: string): ReadonlyMap<string, string> {
  const sections = new Map<string, Map<string, string>>();
  let section = new Map<string, string>();
  let key: string | null = null;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\[(.+)\]\s*$/.exec(line);
    const pair = /^([^\s#;=:][^=:]*?)\s*[=:]\s*(.*)$/.exec(line);
    if (/^\s*([#;]|$)/.test(line)) continue;
    if (header !== null) {
      section = sections.get(header[1] ?? '') ?? new Map<string, string>();
      sections.set(header[1] ?? '', section);
      key = null;
    } else if (/^\s/.test(line) && key !== null) {
      section.set(key, `${section.get(key) ?? ''} ${line.trim()}`.trim());
    } else if (pair !== null) {
      key = (pair[1] ?? '').toLowerCase().replaceAll('_', '-');
      section.set(key, (pair[2] ?? '').trim());
    }
  }
  return new Map([...(sections.get('global') ?? []), ...(sections.get('install') ?? [])]);
}

/** The configuration files, later ones outrank earlier ones. */
function configurationFiles(env: Environment, home: string): readonly string[] {
  const { PIP_CONFIG_FILE: chosen, VIRTUAL_ENV: environment, XDG_CONFIG_DIRS: system, XDG_CONFIG_HOME: own } = env;
  // pip's way to say: no files at all.
  if (chosen === '/dev/null') return [];
  const systemFolders = (system || '/etc/xdg').split(':').filter((folder) => folder.startsWith('/'));
  return [
    ...systemFolders.map((folder) => join(folder, 'pip', 'pip.conf')),
    '/etc/pip.conf',
    join(home, '.pip', 'pip.conf'),
    join(own || join(home, '.config'), 'pip', 'pip.conf'),
    ...(environment ? [join(environment, 'pip.conf')] : []),
    ...(chosen ? [chosen] : []),
  ];
}

/** The text of a file; null where there is none, or none that this user may read. */
function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

const words = (text: string | undefined): readonly string[] => (text ?? '').split(/\s+/).filter((word) => word !== '');

/**
 * An address with a slash at its end. Throws `failed_precondition` for what is no address of the web; the text does not
 * repeat the value, which may contain a password.
 */
function indexAddress(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw failedPrecondition('the package index must be an address such as https://host/simple', error);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw failedPrecondition(`the package index must be an http or https address, not one with '${url.protocol}'`);
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}

/**
 * @param indexUrl the address given on the command line, which outranks all others
 * @param home the user's home folder
 * @param read gives the text of a file, or null
 */
export function readIndexSettings(
  indexUrl: string | null,
  env: Environment,
  home: string,
  read: (path: string) => string | null = textOf,
): IndexSettings {
  const files = configurationFiles(env, home).map((path) => settingsOf(read(path) ?? ''));
  const setting = (name: string): string | undefined => {
    const fromEnvironment = env[`PIP_${name.toUpperCase().replaceAll('-', '_')}`];
    return fromEnvironment || files.findLast((file) => file.has(name))?.get(name) || undefined;
  };
  const { REQUESTS_CA_BUNDLE: requestsBundle, CURL_CA_BUNDLE: curlBundle } = env;
  const timeout = Number(setting('timeout') ?? setting('default-timeout'));
  const others = indexUrl === null ? words(setting('extra-index-url')) : [];
  return {
    indexUrls: [indexUrl ?? setting('index-url') ?? publicIndex, ...others].map(indexAddress),
    proxy: setting('proxy') ?? null,
    certFile: setting('cert') ?? (requestsBundle || curlBundle || null),
    trustedHosts: words(setting('trusted-host')),
    timeoutMs: timeout > 0 && timeout < 86_400 ? timeout * 1000 : defaultTimeoutMs,
  };
}
