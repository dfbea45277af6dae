/**
 * One header field of HTTP/2 with the properties of its name and value: its size, its pseudo-header, and why it makes a
 * request malformed. They are computed once, when the field is made; a field that a client repeats comes out of HPACK's
 * tables as the same object at no cost. Rules about several fields (a missing :path, a pseudo-header after a regular
 * field) are in request-check.ts.
 */

/** The bit of each pseudo-header, so that a request's set of them is a mask (RFC 9113 8.3.1). */
export const pseudoHeader = {
  none: 0,
  method: 1,
  scheme: 2,
  path: 4,
  authority: 8,
  /** Any other name that begins with a colon, :status too: none of them may be in a request. */
  other: 16,
} as const;

/**
 * How the encoder sends a field: `incremental` keeps it in the dynamic table, for frequent fields that are always the
 * same object; `none` sends it as a literal; `never` forbids every hop to index it (RFC 7541 7.1.3).
 */
export type HeaderIndexing = 'incremental' | 'none' | 'never';

/** The size of an entry of HPACK's table beyond its octets (RFC 7541 4.1). */
const entryOverheadBytes = 32;

export class HeaderField {
  /** Octets as latin1, one character each; lower case unless `fault` says otherwise. */
  readonly name: string;
  /** Octets as latin1, one character each. */
  readonly value: string;
  /** Size in HPACK's tables and against SETTINGS_MAX_HEADER_LIST_SIZE (RFC 7541 4.1, RFC 9113 6.5.2). */
  readonly sizeBytes: number;
  /** One bit of `pseudoHeader`, or 0. */
  readonly pseudo: number;
  /** Why a request with this field is malformed (RFC 9113 8.2.1, 8.2.2), as a short sentence; null when it is not. */
  readonly fault: string | null;
  /** Sent as a never-indexed literal: must be passed on as one. */
  readonly isSensitive: boolean;
  readonly indexing: HeaderIndexing;

  /** @param indexing Of no effect when the field is sensitive: such a field is never indexed. */
  constructor(name: string, value: string, isSensitive = false, indexing: HeaderIndexing = 'none') {
    this.name = name;
    this.value = value;
    this.sizeBytes = name.length + value.length + entryOverheadBytes;
    if (faultlessNames.has(name)) {
      this.pseudo = pseudoHeader.none;
      this.fault = valueFault(value);
    } else {
      this.pseudo = name.charCodeAt(0) === colon ? pseudoOf(name) : pseudoHeader.none;
      this.fault = nameFault(name) ?? valueFault(value) ?? connectionFault(name, value);
    }
    this.isSensitive = isSensitive;
    this.indexing = isSensitive ? 'never' : indexing;
  }
}

/** Valid names whose values differ with each request; for their new fields a look-up is quicker than the checks. */
const faultlessNames: ReadonlySet<string> = new Set([
  ...['grpc-timeout', 'content-length', 'grpc-status', 'grpc-message', 'traceparent', 'tracestate', 'x-request-id'],
]);

const colon = 0x3a;
const space = 0x20;
const tab = 0x09;

/** 1 for the octets that RFC 9113 8.2.1 forbids in a name: controls, space, upper case, colon, DEL and above. */
const isForbiddenInName = Uint8Array.from({ length: 256 }, (_, code) =>
  code <= space || (code >= 0x41 && code <= 0x5a) || code === colon || code >= 0x7f ? 1 : 0,
);

function pseudoOf(name: string): number {
  switch (name) {
    case ':method':
      return pseudoHeader.method;
    case ':scheme':
      return pseudoHeader.scheme;
    case ':path':
      return pseudoHeader.path;
    case ':authority':
      return pseudoHeader.authority;
    default:
      return pseudoHeader.other;
  }
}

function nameFault(name: string): string | null {
  const { length } = name;
  if (length === 0) return 'a header field has an empty name';
  for (let i = name.charCodeAt(0) === colon ? 1 : 0; i < length; i++) {
    // `!== 0` and not `=== 1`: a character above 0xff is in no table, and not allowed.
    if (isForbiddenInName[name.charCodeAt(i)] !== 0)
      return 'a header field has a name with a character not allowed in it';
  }
  return null;
}

function valueFault(value: string): string | null {
  const { length } = value;
  if (length === 0) return null;
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    if (code <= 0x0d && (code === 0 || code === 0x0a || code === 0x0d)) {
      return 'a header field has a value with a NUL, CR or LF';
    }
  }
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(length - 1))) {
    return 'a header field has a value that starts or ends with white space';
  }
  return null;
}

function isBlank(code: number): boolean {
  return code === space || code === tab;
}

function connectionFault(name: string, value: string): string | null {
  switch (name) {
    case 'connection':
    case 'proxy-connection':
    case 'keep-alive':
    case 'transfer-encoding':
    case 'upgrade':
      return `the header field ${name} is not for HTTP/2`;
    case 'te':
      // A transfer coding's name, hence of any case (RFC 9110 10.1.4).
      return value.toLowerCase() === 'trailers' ? null : 'the header field te has a value other than trailers';
    default:
      return null;
  }
}
