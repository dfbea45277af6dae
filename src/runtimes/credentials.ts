/** Names and passwords for requests: those in an index's address, else those of a netrc file. */

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** A part of an address without its escapes; as it stands where they are broken, as in a pasted password with a percent sign. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not encoded as an address should be: then it means what stands there.
    return text;
  }
}

/** The credentials in an address; null without any. */
export function credentialsOf({ username, password }: URL): Credentials | null {
  return username === '' && password === '' ? null : { user: decoded(username), password: decoded(password) };
}

/** The address without its credentials, for messages and for the request line. */
export function withoutCredentials(address: string | URL): string {
  const url = new URL(address);
  url.username = '';
  url.password = '';
  return url.href;
}

/** The credentials of a host in the text of a netrc file: its own entry, else the default one; null without any. */
export function netrcCredentials(text: string, host: string): Credentials | null {
  // A macro ends at an empty line; nothing in it counts.
  const words = text
    .replace(/^\s*macdef[\s\S]*?(?:\n[ \t\r]*\n|(?![\s\S]))/gm, '')
    .split(/\r?\n/)
    .filter((line) => !/^\s*#/.test(line))
    .flatMap((line) => line.split(/\s+/))
    .filter((word) => word !== '');
  let own: Credentials | null = null;
  let fallback: Credentials | null = null;
  for (let at = 0; at < words.length; ) {
    const isDefault = words[at] === 'default';
    const machine = words[at] === 'machine' ? words[at + 1] : null;
    at += isDefault || machine === null ? 1 : 2;
    if (!isDefault && machine === null) continue;
    let user = '';
    let password = '';
    for (; at + 1 < words.length && ['login', 'password', 'account'].includes(words[at] ?? ''); at += 2) {
      if (words[at] === 'login') user = words[at + 1] ?? '';
      if (words[at] === 'password') password = words[at + 1] ?? '';
    }
    if (isDefault) fallback ??= { user, password };
    else if (machine === host) own ??= { user, password };
  }
  return own ?? fallback;
}

export const basicAuthorization = ({ user, password }: Credentials): string =>
  `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
