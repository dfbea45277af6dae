/** The header fields of a gRPC call that the transport needs, read in one pass (gRPC over HTTP/2, "Requests"). */

import type { HeaderField } from '../../../../http2/header-field.ts';

/** Longest timer of Node; deadlines beyond it (24 days) are ignored. */
const maxTimerMs = 2 ** 31 - 1;

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** One object serves all calls of a transport: it is valid from one `read` to the next. */
export class CallHead {
  method = '';
  path = '';
  contentType = '';
  /** The `grpc-timeout` as sent, '' when there is none. */
  timeout = '';
  encoding = '';
  acceptedEncodings = '';
  /** The size of all fields, as HPACK counts it. */
  bytes = 0;

  read(fields: readonly HeaderField[]): void {
    this.method = '';
    this.path = '';
    this.contentType = '';
    this.timeout = '';
    this.encoding = 'identity';
    this.acceptedEncodings = '';
    let bytes = 0;
    for (let i = 0; i < fields.length; i++) {
      const { name, value, sizeBytes } = fields[i] as HeaderField;
      bytes += sizeBytes;
      switch (name) {
        case ':method':
          this.method = value;
          break;
        case ':path':
          this.path = value;
          break;
        case 'content-type':
          this.contentType = value;
          break;
        case 'grpc-timeout':
          this.timeout = value;
          break;
        case 'grpc-encoding':
          this.encoding = value;
          break;
        case 'grpc-accept-encoding':
          this.acceptedEncodings = value;
          break;
        default:
      }
    }
    this.bytes = bytes;
  }

  /** `application/grpc`, with a subtype (`+proto`) or a parameter or neither. */
  get isGrpc(): boolean {
    const type = this.contentType;
    return type === 'application/grpc' || /^application\/grpc[+;]/i.test(type);
  }
}

/** The milliseconds of a `grpc-timeout`; Infinity beyond the longest timer, NaN for a malformed one. */
export function timeoutMs(text: string): number {
  const unit = unitMs[text.charAt(text.length - 1)];
  if (unit === undefined || !/^\d{1,8}.$/.test(text)) return Number.NaN;
  const ms = Number(text.slice(0, -1)) * unit;
  return ms > maxTimerMs ? Infinity : ms;
}
