/** What the header fields of a gRPC call say to the transport, read in one walk (gRPC over HTTP/2, "Requests"). */

import type { HeaderField } from '../../../../http2/header-field.ts';

/** Longest timer of Node; deadlines beyond it (24 days) are none. */
const maxTimerMs = 2 ** 31 - 1;

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** One object serves all calls of a transport: it holds between `read` and the next one. */
export class CallHead {
  method = '';
  path = '';
  contentType = '';
  /** The `grpc-timeout` as it came, '' where there is none. */
  timeout = '';
  encoding = '';
  acceptedEncodings = '';
  /** What all fields take, as HPACK counts it. */
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

/** Milliseconds that a `grpc-timeout` says; Infinity for more than timers reach, NaN for what is none. */
export function timeoutMs(text: string): number {
  const unit = unitMs[text.charAt(text.length - 1)];
  if (unit === undefined || !/^\d{1,8}.$/.test(text)) return Number.NaN;
  const ms = Number(text.slice(0, -1)) * unit;
  return ms > maxTimerMs ? Infinity : ms;
}
