/** The schema through protobufjs: the oracle of our hand-written codec. */

import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => fileURLToPath(new URL(`../../../proto/${target}`, import.meta.url));
root.loadSync('grpc_service.proto', { keepCase: true });

const requestType = root.lookupType('inference.ModelInferRequest');
const responseType = root.lookupType('inference.ModelInferResponse');
const streamResponseType = root.lookupType('inference.ModelStreamInferResponse');

/** Any message object; fields are looked at by name. */
// biome-ignore lint/suspicious/noExplicitAny: messages of a schema that is only known at run time
export type Message = any;

const readable = { longs: String, defaults: true, oneofs: true, arrays: true, objects: true };

export const encodeRequest = (message: object): Buffer =>
  Buffer.from(requestType.encode(requestType.fromObject(message)).finish());

export const decodeRequest = (bytes: Uint8Array): Message => requestType.toObject(requestType.decode(bytes), readable);

export const encodeResponse = (message: object): Buffer =>
  Buffer.from(responseType.encode(responseType.fromObject(message)).finish());

export const decodeResponse = (bytes: Uint8Array): Message =>
  responseType.toObject(responseType.decode(bytes), readable);

export const decodeStreamResponse = (bytes: Uint8Array): Message =>
  streamResponseType.toObject(streamResponseType.decode(bytes), readable);

/** Bytes of fields written by hand, for what an encoder would not write. */
export const wire = {
  varint(value: bigint | number): Buffer {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    do {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      bytes.push(rest > 0n ? low | 0x80 : low);
    } while (rest > 0n);
    return Buffer.from(bytes);
  },
  tag: (field: number, wireType: number): Buffer => wire.varint((BigInt(field) << 3n) | BigInt(wireType)),
  number: (field: number, value: bigint | number): Buffer => Buffer.concat([wire.tag(field, 0), wire.varint(value)]),
  bytes: (field: number, content: Uint8Array | string): Buffer => {
    const bytes = Buffer.from(content as Uint8Array);
    return Buffer.concat([wire.tag(field, 2), wire.varint(bytes.length), bytes]);
  },
  join: (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts),
};
