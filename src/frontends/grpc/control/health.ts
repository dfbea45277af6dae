/** Live and ready, in the protocol's own form and in that of grpc.health.v1. Answered also during the shutdown. */

import { reasonNotReady } from '../../v2/model-readiness.ts';
import { controlMethod } from './control-method.ts';
import { leavingText } from '../leaving.ts';
import type { MethodSurroundings, MethodTable } from '../method-table.ts';
import { healthService, type MethodCodec } from '../wire/protocol.ts';
import { okStatus, statusCode, statusOf } from '../transport/status.ts';
import type { MessageReceiver, StreamCall } from '../transport/transport.ts';

type HealthDependencies = Pick<MethodSurroundings, 'server' | 'clock' | 'logger' | 'isLeaving'>;

/** How often a watched state is polled; there is no event when a server becomes ready. */
const watchIntervalMs = 500;

export const healthTable: MethodTable = {
  api: 'health',
  methods(surroundings) {
    const { protocol, server, isLeaving } = surroundings;
    const isServing = async (): Promise<boolean> => (await server.isReady()) && !isLeaving();
    const watch = protocol.codec(healthService, 'Watch');
    return [
      controlMethod(protocol, 'ServerLive', async () => ({ live: (await server.isLive()) && !isLeaving() })),
      controlMethod(protocol, 'ServerReady', async () => ({ ready: await isServing() })),
      controlMethod(protocol, 'ModelReady', async ({ name, version }: { name: string; version: string }) => ({
        ready: !isLeaving() && (await reasonNotReady(server, name, version)) === null,
      })),
      controlMethod(protocol, 'Check', async () => statusMessageOf(await isServing()), { service: healthService }),
      {
        kind: 'stream',
        path: `/${healthService}/Watch`,
        isCompressible: false,
        open: (call) => new HealthWatch(call, watch, isServing, surroundings),
      },
    ];
  },
};

const statusMessageOf = (isServing: boolean): object => ({ status: isServing ? 'SERVING' : 'NOT_SERVING' });

/** One caller of Watch: it gets the state at once and after each change, until the caller or the server leaves. */
class HealthWatch implements MessageReceiver {
  readonly #call: StreamCall;
  readonly #codec: MethodCodec;
  readonly #isServing: () => Promise<boolean>;
  readonly #dependencies: HealthDependencies;
  #told: boolean | null = null;
  #isUnread = false;
  #isStopped = false;
  #stopTimer: (() => void) | null = null;

  constructor(
    call: StreamCall,
    codec: MethodCodec,
    isServing: () => Promise<boolean>,
    dependencies: HealthDependencies,
  ) {
    this.#call = call;
    this.#codec = codec;
    this.#isServing = isServing;
    this.#dependencies = dependencies;
    call.cancellation.add(() => this.#stop());
    call.read();
  }

  onMessage(message: Buffer): void {
    try {
      this.#codec.decode(message);
    } catch (error) {
      this.#call.finish(statusOf(error, `/${healthService}/Watch`, this.#dependencies.logger));
      return;
    }
    this.#look();
  }

  onHalfClose(): void {
    // The one request of this call has arrived before; a call without one ends here.
    if (this.#told === null) this.#call.finish({ code: statusCode.internal, message: 'Watch needs a request message' });
  }

  onDrain(): void {
    this.#stop();
    if (this.#told === true) this.#call.send(this.#codec.encode(statusMessageOf(false)), null);
    this.#call.finish(this.#told === null ? { code: statusCode.unavailable, message: leavingText } : okStatus);
  }

  #look(): void {
    this.#isServing().then(
      (isServing) => this.#tell(isServing),
      () => this.#tell(false),
    );
  }

  #tell(isServing: boolean): void {
    if (this.#isStopped) return;
    if (isServing !== this.#told && !this.#isUnread) {
      this.#told = isServing;
      // A caller who does not read gets the latest state when it reads again, not every state in between.
      this.#isUnread = true;
      this.#call.send(this.#codec.encode(statusMessageOf(isServing)), () => {
        this.#isUnread = false;
      });
    }
    const { clock } = this.#dependencies;
    this.#stopTimer = clock.schedule(clock.now() + watchIntervalMs, () => this.#look());
  }

  #stop(): void {
    this.#isStopped = true;
    this.#stopTimer?.();
    this.#stopTimer = null;
  }
}
