/** The header fields of answers. Frequent ones are one object each, for HPACK. */

import { HeaderField } from '../../../../http2/header-field.ts';
import { type Encoding, knownEncodings } from '../compression.ts';
import { statusCode, statusMessage } from '../status.ts';
import type { GrpcStatus } from '../transport.ts';

const repeated = (name: string, value: string): HeaderField => new HeaderField(name, value, false, 'incremental');

const answerHead = [
  repeated(':status', '200'),
  repeated('content-type', 'application/grpc'),
  repeated('grpc-accept-encoding', knownEncodings),
];

const headFields: Readonly<Record<Encoding | 'identity', readonly HeaderField[]>> = {
  identity: answerHead,
  gzip: [...answerHead, repeated('grpc-encoding', 'gzip')],
  deflate: [...answerHead, repeated('grpc-encoding', 'deflate')],
};

/** There are 17 statuses. */
const statusFields = Array.from({ length: 17 }, (_, code) => repeated('grpc-status', String(code)));

const okTrailers: readonly HeaderField[] = [statusFields[statusCode.ok] as HeaderField];

export const headOf = (encoding: Encoding | null): readonly HeaderField[] => headFields[encoding ?? 'identity'];

/** The fields after the messages. */
export const trailersOf = ({ code, message }: GrpcStatus): readonly HeaderField[] =>
  code === statusCode.ok
    ? okTrailers
    : [statusFields[code] as HeaderField, new HeaderField('grpc-message', percentEncoded(statusMessage(message)))];

/** The fields of an answer without a message: head and trailers in one. */
export const trailersOnly = (status: GrpcStatus): readonly HeaderField[] => [...answerHead, ...trailersOf(status)];

/** The fields of an answer to a request that is not gRPC. */
export const httpStatusFields = (status: number): readonly HeaderField[] => [
  new HeaderField(':status', String(status)),
];

/** Percent-encoding of gRPC: all but printable ASCII, and the percent sign, is encoded. */
function percentEncoded(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text.trim() === text ? text : encodeURI(text);
  return encodeURI(text).replaceAll('%20', ' ').replace(/^ | $/g, '%20');
}
