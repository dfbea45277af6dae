/** How the rpcs of the control plane are described: a name, and a function from request object to response object. */

import { resourceExhausted } from '../../../errors.ts';
import { inferenceService, type Protocol } from '../wire/protocol.ts';
import type { UnaryMethod } from '../transport/transport.ts';

/**
 * Bytes of a control request. They are names and a few settings; a much larger one would only become objects. Loads,
 * which may carry model files, have no such limit but one on their parameters.
 */
const maxControlBytes = 1024 * 1024;

export interface ControlMethodOptions {
  readonly service?: string;
  /** Called before the message is decoded; throws to refuse it. In place of the limit on its size. */
  readonly check?: (message: Buffer) => void;
}

/**
 * @param handle Gets the decoded request with the field names of the schema. What it returns is encoded; what it throws
 *               becomes the status.
 */
export function controlMethod<Request>(
  protocol: Protocol,
  name: string,
  handle: (request: Request) => object | Promise<object>,
  options: ControlMethodOptions = {},
): UnaryMethod {
  const service = options.service ?? inferenceService;
  const codec = protocol.codec(service, name);
  const check = options.check ?? refuseLarge;
  return {
    kind: 'unary',
    path: `/${service}/${name}`,
    isCompressible: false,
    handle(message, call) {
      const answer = async (): Promise<Buffer> => {
        check(message);
        return codec.encode(await handle(codec.decode(message) as Request));
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
