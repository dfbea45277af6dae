/** `--http-restricted-api` and `--grpc-restricted-protocol`: the APIs that only callers with a key may use. */

import { nearestName } from '../model-config/suggestion.ts';
import { type ApiRestriction, type RestrictableApi, restrictableApis } from '../server/server-config.ts';

/** A name of a header field (RFC 9110 §5.6.2). */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const isApi = (name: string): name is RestrictableApi => restrictableApis.some((known) => known === name);

/**
 * Reads values of the form `<api>[,<api>…]:<key>=<value>`. Problems are added to the list, one sentence each; none
 * contains a value, which is a secret.
 *
 * @param prefix The header's name is this prefix and the key.
 */
export function readRestrictions(
  flag: string,
  values: readonly string[],
  prefix: string,
  problems: string[],
): readonly ApiRestriction[] {
  const taken = new Set<RestrictableApi>();
  return values.flatMap((text) => {
    const [, names = '', key = '', value = ''] = /^([^:]*):([^=]*)=(.*)$/s.exec(text) ?? [];
    const header = `${prefix}${key.trim()}`.toLowerCase();
    if (names === '' || key.trim() === '' || value === '') {
      const shown = text.replace(/=.*/s, '=…');
      problems.push(`--${flag} expects <api>[,<api>…]:<key>=<value> but '${shown}' was given`);
      return [];
    }
    if (!headerName.test(header)) {
      problems.push(`--${flag} expects a key that can be the name of a header but '${key}' was given`);
      return [];
    }
    const apis: RestrictableApi[] = [];
    for (const name of names.split(',').map((part) => part.trim())) {
      if (!isApi(name)) problems.push(unknownApi(flag, name));
      else if (taken.has(name)) problems.push(`--${flag} restricts '${name}' twice; an API has one key`);
      else apis.push(name);
      if (isApi(name)) taken.add(name);
    }
    return [{ apis, header, value }];
  });
}

function unknownApi(flag: string, name: string): string {
  const meant = nearestName(name, restrictableApis);
  const known = meant === null ? `known are ${restrictableApis.join(', ')}` : `did you mean ${meant}?`;
  return `--${flag} knows no API '${name}'; ${known}`;
}
