/** The rpcs of the control plane: each is a name and a function from a request object to a response object. */

import { resourceExhausted } from '../../../errors.ts';
import { copyPieces, piecesBytes } from '../../pieces.ts';
import { inferenceService, type MethodCodec, type Protocol } from '../wire/protocol.ts';
import type { OutgoingMessage, UnaryMethod } from '../transport/transport.ts';

/**
 * Bytes of a control request. They contain names and a few settings; a much larger one would only cost memory.
 * Loads, which may contain model files, are limited by their number of parameters instead.
 */
const maxControlBytes = 1024 * 1024;

interface ControlMethodOptions {
  readonly service?: string;
  /** Called before the message is decoded; throws to refuse it. Replaces the limit on its size. */
  readonly check?: (message: Buffer) => void;
  /** See `UnaryMethod`. */
  readonly keepsMessage?: boolean;
}

/**
 * @param handle Gets the decoded request with the field names of the schema. Its result is encoded; an exception
 *               becomes the status.
 */
export function controlMethod<Request>(
  protocol: Protocol,
  name: string,
  handle: (request: Request) => object | Promise<object>,
  options: ControlMethodOptions = {},
): UnaryMethod {
  return encodedMethod(protocol, name, options, async (request, codec) =>
    codec.encode(await handle(request as Request)),
  );
}

/**
 * An rpc whose answer is long: the messages that `handle` yields have members of repeated fields only, and are encoded one by
 * one. Together their bytes are one message with the members of all.
 */
export function pagedMethod<Request>(
  protocol: Protocol,
  name: string,
  handle: (request: Request) => AsyncIterable<object>,
): UnaryMethod {
  return encodedMethod(protocol, name, {}, async (request, codec) => {
    const parts: Buffer[] = [];
    for await (const page of handle(request as Request)) parts.push(codec.encode(page));
    return joined(parts);
  });
}

/** The parts one after the other, copied once. */
function joined(parts: readonly Buffer[]): OutgoingMessage {
  return {
    byteLength: piecesBytes(parts),
    copy: (target, at) => copyPieces(parts, target, at),
  };
}

function encodedMethod(
  protocol: Protocol,
  name: string,
  options: ControlMethodOptions,
  handle: (request: unknown, codec: MethodCodec) => Promise<OutgoingMessage>,
): UnaryMethod {
  const service = options.service ?? inferenceService;
  const codec = protocol.codec(service, name);
  const check = options.check ?? refuseLarge;
  return {
    kind: 'unary',
    path: `/${service}/${name}`,
    isCompressible: false,
    keepsMessage: options.keepsMessage,
    handle(message, call) {
      const answer = async (): Promise<OutgoingMessage> => {
        check(message);
        return handle(codec.decode(message), codec);
      };
      answer().then(
        (encoded) => call.respond(encoded),
        (error: unknown) => call.fail(error),
      );
    },
  };
}

function refuseLarge(message: Buffer): void {
  if (message.length <= maxControlBytes) return;
  throw resourceExhausted(`the request message has ${message.length} bytes, expected at most ${maxControlBytes}`);
}
