/** The proxy of a request, by the variables that curl, pip and others read. */

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether an entry of `no_proxy` names the host: itself, a domain above it, with or without its port, or all. */
function isNamedBy(entry: string, { hostname, port, protocol }: URL): boolean {
  const text = entry.trim().toLowerCase();
  if (text === '') return false;
  if (text === '*') return true;
  const [, name = '', wantedPort] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  if (wantedPort !== undefined && wantedPort !== (port || (protocol === 'https:' ? '443' : '80'))) return false;
  const domain = name.replace(/^\*?\./, '');
  return hostname === domain || hostname.endsWith(`.${domain}`);
}

/**
 * The address of the proxy for a request; null for none.
 *
 * @param chosen a proxy for all requests, which outranks the environment
 */
export function proxyFor(url: URL, chosen: string | null, env: Environment): URL | null {
  const either = (name: string): string | undefined => env[name] || env[name.toUpperCase()];
  const isExcluded = (either('no_proxy') ?? '').split(',').some((entry) => isNamedBy(entry, url));
  const scheme = url.protocol.slice(0, -1);
  const text = chosen ?? (isExcluded ? null : (either(`${scheme}_proxy`) ?? either('all_proxy') ?? null));
  if (text === null) return null;
  const address = text.includes('://') ? text : `http://${text}`;
  return URL.canParse(address) ? new URL(address) : null;
}
