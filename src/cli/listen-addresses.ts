/** The flags that say on which addresses and ports the server listens. */

import { isIP } from 'node:net';
import { addressText, isLinkLocal } from '../frontends/listen.ts';
import type { ListenAddress } from '../server/server-config.ts';
import type { FlagValues } from './flag-values.ts';
import type { ServeFlags } from './serve-flags.ts';

/** Replaces an invalid address of a frontend that is off. */
const anyHost = '0.0.0.0';

/** Null where a service is off. */
interface Addresses {
  readonly http: ListenAddress | null;
  readonly grpc: ListenAddress | null;
  readonly metrics: ListenAddress | null;
}

/** Problems are added to the list, one sentence each. */
export function listenAddresses(values: FlagValues<ServeFlags>, problems: string[]): Addresses {
  const isHttpOn = values.boolean('allow-http');
  const at = (isOn: boolean, flag: string, text: string, port: number): ListenAddress | null =>
    isOn ? { host: hostOf(flag, text, problems), port } : null;
  const http = values.text('http-address') ?? '';
  const addresses = {
    http: at(isHttpOn, 'http-address', http, values.number('http-port')),
    grpc: at(
      values.boolean('allow-grpc'),
      'grpc-address',
      values.text('grpc-address') ?? '',
      values.number('grpc-port'),
    ),
    metrics: at(
      values.boolean('allow-metrics'),
      values.isGiven('metrics-address') ? 'metrics-address' : 'http-address',
      values.text('metrics-address') ?? (isHttpOn || isIP(bareHost(http)) > 0 ? http : anyHost),
      values.number('metrics-port'),
    ),
  };
  const seen = new Map<string, string>();
  for (const [service, address] of Object.entries(addresses)) {
    if (address === null || address.port === 0) continue;
    const key = addressText(address.host, address.port);
    const other = seen.get(key);
    if (other !== undefined)
      problems.push(`${other} and ${service} cannot both listen on ${key}; give one another port`);
    seen.set(key, service);
  }
  if (addresses.http === null && addresses.grpc === null) {
    problems.push('--allow-http=false and --allow-grpc=false leave nothing to serve with');
  }
  return addresses;
}

/** The prefix by which gRPC and Triton name the kind of an address. */
const addressKind = /^(ipv4|ipv6|dns):/i;

/** The host for the system: without the kind, without brackets, a zone after one percent sign (RFC 6874 has `%25`). */
function bareHost(text: string): string {
  const host = text.trim().replace(addressKind, '');
  const inBrackets = /^\[(.*)\]$/.exec(host)?.[1];
  return (inBrackets ?? host).replace(/^([0-9a-f:.]+)%25(?=.)/i, '$1%');
}

/** The host of an address flag: an IPv4 or IPv6 address or a name. Anything else is a problem. */
function hostOf(flag: string, text: string, problems: string[]): string {
  const host = bareHost(text);
  const isBracketed = text.trim().replace(addressKind, '').startsWith('[');
  const isRight = isBracketed ? isIP(host) === 6 : isIP(host) > 0 || hostName.test(host);
  const problem = `--${flag} expects an address or a host name without a port but '${text}' was given`;
  const zoneProblem = `--${flag} expects a zone only after a link-local address, such as fe80::1%eth0, but '${text}' was given`;
  const told = !isRight ? problem : hasUselessZone(host) ? zoneProblem : null;
  // The metrics have the address of HTTP where they have none of their own.
  if (told !== null && !problems.includes(told)) problems.push(told);
  return host;
}

/**
 * An address with a zone that is the same in every zone. The system's name resolution refuses it, and Node ignores the
 * zone, even if there is none of that name.
 */
const hasUselessZone = (host: string): boolean => host.includes('%') && !isLinkLocal(host);

const hostName = /^[\p{L}\p{N}_]([\p{L}\p{N}._-]{0,252}[\p{L}\p{N}_.])?$/u;
