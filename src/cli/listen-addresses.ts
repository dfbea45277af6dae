/** The part of the command line that says where the server listens. */

import type { ListenAddress } from '../server/server-config.ts';
import type { FlagValues } from './flag-values.ts';
import type { ServeFlags } from './serve-flags.ts';

/** Null where a service is off. */
export interface Addresses {
  readonly http: ListenAddress | null;
  readonly grpc: ListenAddress | null;
  readonly metrics: ListenAddress | null;
}

/** Problems are added to the list, one sentence each. */
export function listenAddresses(values: FlagValues<ServeFlags>, problems: string[]): Addresses {
  const httpHost = values.text('http-address') ?? '';
  const at = (isOn: boolean, host: string, port: number): ListenAddress | null => (isOn ? { host, port } : null);
  const addresses = {
    http: at(values.boolean('allow-http'), httpHost, values.number('http-port')),
    grpc: at(values.boolean('allow-grpc'), values.text('grpc-address') ?? '', values.number('grpc-port')),
    metrics: at(
      values.boolean('allow-metrics'),
      values.text('metrics-address') ?? httpHost,
      values.number('metrics-port'),
    ),
  };
  const seen = new Map<string, string>();
  for (const [service, address] of Object.entries(addresses)) {
    if (address === null || address.port === 0) continue;
    const key = `${address.host}:${address.port}`;
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
