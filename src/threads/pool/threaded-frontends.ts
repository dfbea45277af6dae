/** The HTTP and gRPC frontends spread over threads, as the composition sees them. */

import type { Frontend, Listening } from '../../frontends/frontend.ts';
import { addressText, listenError } from '../../frontends/listen.ts';
import type { ListenAddress } from '../../server/server-config.ts';
import { FrontendPool, type FrontendPoolOptions } from './frontend-pool.ts';
import { SharedPort } from './shared-sockets.ts';

type ThreadedFrontendsOptions = Omit<FrontendPoolOptions, 'httpPort' | 'grpcPort'>;

const refusalOf =
  (frontend: 'http' | 'grpc') =>
  (listen: ListenAddress, error: NodeJS.ErrnoException): Error =>
    listenError(frontend, listen, error);

/** At least one of them is on. They share the threads: the first frontend that is started starts them. */
export function threadedFrontends(options: ThreadedFrontendsOptions): readonly Frontend[] {
  const { http, grpc, native } = options;
  let opened: Promise<{ pool: FrontendPool; ports: Readonly<Record<string, SharedPort | null>> }> | null = null;
  const open = async () => {
    const httpPort = http.listen === null ? null : await SharedPort.open(native, http.listen, refusalOf('http'));
    let grpcPort: SharedPort | null = null;
    try {
      grpcPort = grpc.listen === null ? null : await SharedPort.open(native, grpc.listen, refusalOf('grpc'));
      const pool = new FrontendPool({ ...options, httpPort, grpcPort });
      await pool.start().catch((error: unknown) => {
        pool.close();
        throw error;
      });
      return { pool, ports: { http: httpPort, grpc: grpcPort } };
    } catch (error) {
      httpPort?.close();
      grpcPort?.close();
      throw error;
    }
  };
  const frontend = (name: 'http' | 'grpc'): Frontend => ({
    name,
    async start(): Promise<Listening> {
      opened ??= open();
      const { pool, ports } = await opened;
      const { host, port } = ports[name] as SharedPort;
      return {
        address: addressText(host, port),
        port,
        drain: () => pool.drain(),
        close: () => pool.close(),
      };
    },
  });
  return [...(http.listen === null ? [] : [frontend('http')]), ...(grpc.listen === null ? [] : [frontend('grpc')])];
}
