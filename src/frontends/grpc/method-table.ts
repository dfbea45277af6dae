/**
 * A table of rpcs. A frontend has a list of tables (`method-tables.ts`). They give the methods for the transport, the
 * services for reflection, and the API to which each call belongs for restrictions.
 */

import { type InferenceError, unavailable } from '../../errors.ts';
import type { RestrictableApi } from '../../server/server-config.ts';
import type { ApiGuard } from '../api-guard.ts';
import type { InferDependencies } from './infer/handler.ts';
import type { Protocol } from './wire/protocol.ts';
import { statusOf } from './transport/status.ts';
import type { CallContext, GrpcMethod, MessageReceiver } from './transport/transport.ts';

/** The dependencies of methods. */
export interface MethodSurroundings extends InferDependencies {
  readonly protocol: Protocol;
  /** Full names of the services of all tables; asked when the tables are complete. */
  readonly services: () => readonly string[];
}

export interface MethodTable {
  /** The API by whose name these methods can be restricted; null is never restricted. */
  readonly api: RestrictableApi | null;
  /** Called once for each frontend. */
  methods(surroundings: MethodSurroundings): readonly GrpcMethod[];
}

/** All methods of the tables by full path, for any transport. @param guard Null when nothing is restricted. */
export function methodsOf(
  tables: readonly MethodTable[],
  surroundings: Omit<MethodSurroundings, 'services'>,
  guard: ApiGuard | null,
): readonly GrpcMethod[] {
  let methods: readonly GrpcMethod[] = [];
  const services = (): string[] => [...new Set(methods.map(({ path }) => path.slice(1, path.lastIndexOf('/'))))];
  methods = tables.flatMap((table) => {
    const own = table.methods({ ...surroundings, services });
    return guard === null ? own : own.map((method) => guarded(method, table.api, guard, surroundings));
  });
  return methods;
}

function guarded(
  method: GrpcMethod,
  api: RestrictableApi | null,
  guard: ApiGuard,
  { logger }: Pick<MethodSurroundings, 'logger'>,
): GrpcMethod {
  const refusal = (call: CallContext): InferenceError | null => {
    const missing = guard.missingHeader(api, (name) => call.metadataValue(name));
    return missing === null ? null : unavailable(`This protocol is restricted, expecting header '${missing}'`);
  };
  if (method.kind === 'unary') {
    return {
      ...method,
      handle(message, call) {
        const refused = refusal(call);
        if (refused === null) method.handle(message, call);
        else call.fail(refused);
      },
    };
  }
  return {
    ...method,
    open(call) {
      const refused = refusal(call);
      if (refused === null) return method.open(call);
      call.finish(statusOf(refused, method.path, logger));
      return refusedStream;
    },
  };
}

/** A receiver for a call that was refused before its method began. */
const refusedStream: MessageReceiver = {
  onMessage: () => undefined,
  onHalfClose: () => undefined,
  onDrain: () => undefined,
};
