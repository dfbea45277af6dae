/**
 * Reads a page of a package index: JSON (PEP 691) or HTML (PEP 503). Pure; a page is untrusted, and so is a link: the
 * file behind it counts only after its SHA-256 was compared with the lock file.
 */

import { decoded } from './credentials.ts';

interface IndexLink {
  /** Absolute. */
  readonly url: string;
  /** What the index says; null where it says nothing. */
  readonly sha256: string | null;
}

/** What we ask for, the better first. */
export const acceptedPages =
  'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01';

const namedEntities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const unescaped = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]{2,4}));/gi, (all, hex, decimal, name) => {
    const code = hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal);
    if (name !== undefined) return namedEntities[name.toLowerCase()] ?? all;
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });

/** An address as an absolute one of the web, or null. */
function absolute(href: string, base: string): URL | null {
  if (!URL.canParse(href, base)) return null;
  const url = new URL(href, base);
  return url.protocol === 'https:' || url.protocol === 'http:' ? url : null;
}

function linkOf(href: string, base: string, declared: unknown): IndexLink | null {
  const url = absolute(href, base);
  if (url === null) return null;
  const inFragment = /(?:^#|&)sha256=([0-9a-f]{64})(?:&|$)/i.exec(url.hash)?.[1];
  url.hash = '';
  const sha256 = typeof declared === 'string' ? declared : inFragment;
  return { url: url.href, sha256: sha256?.toLowerCase() ?? null };
}

/** An entry of a JSON page, as far as we read it. */
interface PageEntry {
  readonly filename?: unknown;
  readonly url?: unknown;
  readonly hashes?: { readonly sha256?: unknown };
}

function jsonLink(text: string, base: string, file: string): IndexLink | null {
  const page = JSON.parse(text) as { readonly files?: unknown } | null;
  const entries = Array.isArray(page?.files) ? (page.files as readonly (PageEntry | null)[]) : [];
  const entry = entries.find((one) => one?.filename === file);
  return typeof entry?.url === 'string' ? linkOf(entry.url, base, entry.hashes?.sha256) : null;
}

/** The value of an attribute of a tag; null where it has none. */
function attribute(tag: string, name: string): string | null {
  const found = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(tag);
  const value = found?.[1] ?? found?.[2] ?? found?.[3];
  return value === undefined ? null : unescaped(value).trim();
}

const lastSegment = (url: URL): string => url.pathname.slice(url.pathname.lastIndexOf('/') + 1);

/** The start tags of a page with one of these names, without `<` and `>`; a quoted value may contain both. */
function* startTags(text: string, names: RegExp): Generator<string> {
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    const end = endOfTag(text, at + 1);
    if (end < 0) return;
    const tag = text.slice(at + 1, end);
    if (names.test(tag)) yield tag;
    at = end;
  }
}

/** The place of the `>` of a tag; -1 when the page ends first. */
function endOfTag(text: string, from: number): number {
  let quote = '';
  for (let at = from; at < text.length; at++) {
    const character = text[at] as string;
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '>') {
      return at;
    } else if (character === '"' || character === "'") {
      quote = character;
    }
  }
  return -1;
}

function htmlLink(text: string, base: string, file: string): IndexLink | null {
  let root = base;
  for (const tag of startTags(text, /^(a|base)\s/i)) {
    const href = attribute(tag, 'href');
    const url = href === null ? null : absolute(href, root);
    if (href === null || url === null) continue;
    if (/^base/i.test(tag)) root = url.href;
    // The name counts as the last part of the address: PEP 503 wants it there, and some indexes shorten the text.
    else if (decoded(lastSegment(url)) === file) return linkOf(href, root, undefined);
  }
  return null;
}

/**
 * The link to a file; null where the page has none.
 *
 * @param text the page
 * @param contentType its `Content-Type`
 * @param base the address that the page came from, after redirects
 */
export function findLink(text: string, contentType: string, base: string, file: string): IndexLink | null {
  return /[/+]json\b/i.test(contentType) ? jsonLink(text, base, file) : htmlLink(text, base, file);
}
