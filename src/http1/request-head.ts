/**
 * The head of a request (RFC 9112, sections 2 to 6): request line and headers, where the request ends, and whether the
 * connection stays open. Where the standard allows to guess or to refuse, the request is refused: request smuggling
 * needs two readers that guess differently.
 */

import { badRequest, quoted, Refusal } from './refusal.ts';

/** A token (RFC 9110, section 5.6.2). */
const tokenText = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const requestLine = new RegExp(`^(${tokenText}) ([\\x21-\\x7e]+) HTTP/(\\d)\\.(\\d)\\r\\n`);
/** A path, the absolute form of a proxy's client, or the server as a whole. The authority form is for CONNECT alone. */
const targetForm = /^(?:\/|\*$|[A-Za-z][A-Za-z0-9+.-]*:\/\/.)/;
/**
 * White space around a value is not part of it; inside, all characters but controls are allowed. The value must not
 * begin with a blank: otherwise the match of a line of blanks would be tried from each of them, 0.3 s for a head of 16
 * KiB.
 */
const headerLine = new RegExp(
  `(${tokenText}):[ \\t]*((?:[\\x21-\\x7e\\x80-\\xff][\\t\\x20-\\x7e\\x80-\\xff]*)?)\\r\\n`,
  'y',
);
const digits = /^\d+$/;

/** The part of a request before its body. Immutable, so that equal heads may share one. */
export class RequestHead {
  readonly method: string;
  /** As sent: a path with its query, or one of the other forms of RFC 9112, section 3.2. */
  readonly target: string;
  /** Names and values, alternating, as sent and in that order. One character stands for one byte. */
  readonly rawHeaders: readonly string[];
  readonly isHttp10: boolean;
  /** The length of the body; null when it is chunked. */
  readonly bodyBytes: number | null;
  /** Whether the client wants to send more requests on this connection. */
  readonly keepsAlive: boolean;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** The size of the request line and the headers. */
  readonly bytes: number;
  readonly #values: ReadonlyMap<string, string>;

  constructor(
    method: string,
    target: string,
    isHttp10: boolean,
    rawHeaders: readonly string[],
    values: ReadonlyMap<string, string>,
    bytes: number,
  ) {
    this.bytes = bytes;
    this.method = method;
    this.target = target;
    this.isHttp10 = isHttp10;
    this.rawHeaders = rawHeaders;
    this.#values = values;
    this.bodyBytes = bodyBytesOf(values, isHttp10);
    this.keepsAlive = keepsAlive(values.get('connection'), isHttp10);
    this.expectsContinue = expectsContinue(values.get('expect'), isHttp10) && this.bodyBytes !== 0;
  }

  /** The value of a header by its lower-case name; those of a repeated one are joined by `, `. */
  header(name: string): string | undefined {
    return this.#values.get(name);
  }
}

/**
 * @param text The bytes of the head, one per character, up to and without the empty line.
 * @throws Refusal for anything that is not the head of a request that can be served.
 */
export function parseHead(text: string): RequestHead {
  const line = requestLine.exec(text);
  if (line === null) throw badRequestLine(text);
  const [whole, method = '', target = '', major, minor] = line;
  if (major !== '1' || (minor !== '0' && minor !== '1')) {
    throw new Refusal(505, `HTTP/${major}.${minor} is not spoken here, expected HTTP/1.1 or HTTP/1.0`);
  }
  if (method === 'CONNECT') throw new Refusal(501, 'CONNECT is not supported: this is not a proxy');
  if (!targetForm.test(target)) throw badRequest(`its target is ${quoted(target)}, expected a path or an absolute URI`);
  const isHttp10 = minor === '0';
  const rawHeaders: string[] = [];
  const values = new Map<string, string>();
  headerLine.lastIndex = whole.length;
  while (headerLine.lastIndex < text.length) {
    const at = headerLine.lastIndex;
    const match = headerLine.exec(text);
    if (match === null) throw badHeader(text, at);
    const name = match[1] as string;
    const value = withoutBlanks(match[2] as string);
    rawHeaders.push(name, value);
    const key = name.toLowerCase();
    // Blanks around a value may be tabs, but some readers treat a tab as part of it, and then find another end of the
    // request.
    if (framing.has(key) && text.slice(at, headerLine.lastIndex).includes('\t')) {
      throw badRequest(`the header ${name} holds a tab`);
    }
    const before = values.get(key);
    if (before === undefined) values.set(key, value);
    else if (unrepeatable.has(key)) throw badRequest(`the header ${name} is there twice`);
    else values.set(key, `${before}, ${value}`);
  }
  if (!isHttp10 && !values.has('host')) throw badRequest('the header Host is missing');
  return new RequestHead(method, target, isHttp10, rawHeaders, values, text.length);
}

/** Headers that decide where a request ends. */
const framing: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding']);

/** Headers that decide where a request ends, or its host. */
const unrepeatable: ReadonlySet<string> = new Set(['content-length', 'host']);

/** RFC 9112, section 6.3. */
function bodyBytesOf(values: ReadonlyMap<string, string>, isHttp10: boolean): number | null {
  const length = values.get('content-length');
  const coding = values.get('transfer-encoding');
  if (coding !== undefined) {
    if (length !== undefined) throw badRequest('it has both Content-Length and Transfer-Encoding');
    if (isHttp10) throw badRequest('HTTP/1.0 has no Transfer-Encoding');
    checkCoding(coding);
    return null;
  }
  if (length === undefined) return 0;
  if (!digits.test(length)) throw badRequest(`Content-Length ${quoted(length)} is not a number of bytes`);
  const bytes = Number(length);
  if (!Number.isSafeInteger(bytes)) throw badRequest(`Content-Length ${quoted(length)} is too large for any body`);
  return bytes;
}

/** The end of a body is only known if its last coding is `chunked`, once. Other codings before it are not supported. */
function checkCoding(text: string): void {
  const codings = optionsOf(text);
  const last = codings.pop();
  if (last !== 'chunked' || codings.includes('chunked')) {
    throw badRequest(`Transfer-Encoding ${quoted(text)} does not end with chunked, or has it twice`);
  }
  if (codings.length > 0)
    throw new Refusal(501, `Transfer-Encoding ${quoted(text)} is not supported, expected chunked`);
}

const optionsOf = (list: string): string[] => list.toLowerCase().split(',').map(withoutBlanks);

/**
 * Removes blanks of HTTP only: `trim` would also remove the byte 0xA0, which other readers treat as a part of the
 * option.
 */
function withoutBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

function keepsAlive(connection: string | undefined, isHttp10: boolean): boolean {
  if (connection === undefined) return !isHttp10;
  const options = optionsOf(connection);
  return !options.includes('close') && (!isHttp10 || options.includes('keep-alive'));
}

/** RFC 9110, section 10.1.1: an expectation from HTTP/1.0 is ignored. */
function expectsContinue(expect: string | undefined, isHttp10: boolean): boolean {
  if (expect === undefined || isHttp10) return false;
  if (expect.toLowerCase() === '100-continue') return true;
  throw new Refusal(417, `Expect ${quoted(expect)} cannot be met, only 100-continue can`);
}

function badRequestLine(text: string): Refusal {
  const line = text.slice(0, text.indexOf('\r\n'));
  return badRequest(`its first line is ${quoted(line)}, expected METHOD TARGET HTTP/1.1`);
}

function badHeader(text: string, at: number): Refusal {
  const line = text.slice(at, text.indexOf('\r\n', at));
  if (line.startsWith(' ') || line.startsWith('\t')) return badRequest('a header is folded over several lines');
  return badRequest(`${quoted(line)} is not a header, expected Name: value`);
}
