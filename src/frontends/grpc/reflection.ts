/**
 * Server reflection (grpc.reflection.v1 and v1alpha), so that tools can list services and call them without our `.proto`
 * files. The answers are made by @grpc/reflection; here its service is lifted off grpc-js, so that every transport has it.
 */

import { EventEmitter } from 'node:events';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { invalidArgument } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { okStatus, statusOf } from './status.ts';
import type { StreamCall, StreamMethod, StreamReceiver } from './transport.ts';

/** The part of a grpc-js method that is needed: the codec, and a handler that talks to a duplex stream. */
interface LiftedMethod {
  readonly path: string;
  readonly requestDeserialize: (message: Buffer) => unknown;
  readonly responseSerialize: (response: unknown) => Buffer;
  readonly handle: (stream: unknown) => void;
}

export function reflectionMethods(definitions: PackageDefinition, logger: Logger): readonly StreamMethod[] {
  const lifted: LiftedMethod[] = [];
  new ReflectionService(definitions).addToServer({
    addService(service: ServiceDefinition, implementation: UntypedServiceImplementation) {
      for (const [name, definition] of Object.entries(service)) {
        const handle = implementation[name] as unknown as LiftedMethod['handle'];
        const { path, requestDeserialize, responseSerialize } = definition;
        lifted.push({ path, requestDeserialize, responseSerialize, handle });
      }
    },
  });
  return lifted.map((method) => ({
    kind: 'stream',
    path: method.path,
    isCompressible: false,
    open: (call) => new ReflectionCall(call, method, logger),
  }));
}

/** Plays the duplex stream to the handler: one question is read, answered, and then the next one is read. */
class ReflectionCall extends EventEmitter implements StreamReceiver {
  readonly #call: StreamCall;
  readonly #method: LiftedMethod;
  readonly #logger: Logger;

  constructor(call: StreamCall, method: LiftedMethod, logger: Logger) {
    super();
    this.#call = call;
    this.#method = method;
    this.#logger = logger;
    method.handle(this);
    call.read();
  }

  onMessage(message: Buffer): void {
    try {
      this.emit('data', this.#decode(message));
    } catch (error) {
      this.#call.finish(statusOf(error, this.#method.path, this.#logger));
    }
  }

  onHalfClose(): void {
    this.emit('end');
  }

  onDrain(): void {
    this.end();
  }

  /** Called by the handler. */
  write(response: unknown): void {
    this.#call.send(this.#method.responseSerialize(response), () => this.#call.read());
  }

  /** Called by the handler. */
  end(): void {
    this.#call.finish(okStatus);
  }

  #decode(message: Buffer): unknown {
    try {
      return this.#method.requestDeserialize(message);
    } catch (error) {
      throw invalidArgument('unable to parse the reflection request message', error);
    }
  }
}
