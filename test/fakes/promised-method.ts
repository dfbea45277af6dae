/** A handler of unary calls from a function that answers with a promise, as tests like to write them. */

import type { OutgoingMessage, UnaryCall, UnaryMethod } from '../../src/frontends/grpc/transport/transport.ts';

export const promised =
  (answer: (message: Buffer, call: UnaryCall) => Promise<OutgoingMessage>): UnaryMethod['handle'] =>
  (message, call) => {
    answer(message, call).then(
      (given) => call.respond(given),
      (error: unknown) => call.fail(error),
    );
  };
