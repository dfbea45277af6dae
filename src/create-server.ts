/**
 * Composition: the only place that knows the concrete classes of every room. `createServer` builds a server from its
 * settings, starts it, and returns a `RunningServer`.
 */

import type { Engine } from './engine/engine.ts';
import { type OpenEngineOptions, openEngine } from './runtimes/open-engine.ts';
import type { Frontend } from './frontends/frontend.ts';
import { watchEventLoop } from './event-loop/event-loop-watch.ts';
import { TurnCounts } from './event-loop/turn-counts.ts';
import { createGrpcFrontend } from './frontends/grpc/grpc-frontend.ts';
import { createHttpFrontend } from './frontends/http/http-frontend.ts';
import { MessagePool } from './frontends/message-pool.ts';
import { SliceQueue } from './frontends/slice-queue.ts';
import { MemoryBudget } from './inference/memory-budget.ts';
import { serverRing } from './interceptors/server-ring.ts';
import { versionRing } from './interceptors/version-ring.ts';
import type { SourceTools } from './lifecycle/disk-source.ts';
import { DiskView } from './lifecycle/disk-view.ts';
import { servableKinds } from './lifecycle/kinds/servable-kinds.ts';
import { loadSlots } from './lifecycle/load-slots.ts';
import { ModelControl } from './lifecycle/model-control.ts';
import type { Logger } from './logger.ts';
import { hostProbe, processProbe } from './observability/linux-probe.ts';
import { ServerMetrics } from './observability/metrics.ts';
import { MetricsFrontend } from './observability/metrics-frontend.ts';
import { nativeFacts } from './repository/file-facts.ts';
import { type RunningServer, StoppableServer } from './running-server.ts';
import { chooseScheduler } from './scheduling/create-scheduler.ts';
import { RunLimit } from './scheduling/running/instance-gate.ts';
import { LocalServer } from './server/local-server.ts';
import type { ServerConfig } from './server/server-config.ts';
import { loadNativeThreads, type NativeThreads } from './threads/native-threads.ts';
import { threadedFrontends } from './threads/pool/threaded-frontends.ts';
import { type Clock, systemClock } from './time.ts';

/** Thrown when a model fails at start-up and `--exit-on-error` is in force; the reasons are in the log. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** Thrown when `stopping` was aborted before the server was up; everything that was started is stopped again. */
export class StartEndedError extends Error {
  override readonly name = 'StartEndedError';
  /** False when the time limit cut something off. */
  readonly isOrderly: boolean;

  constructor(isOrderly: boolean) {
    super('the start was ended because the server was asked to stop');
    this.isOrderly = isOrderly;
  }
}

/** Parts that a caller may bring: tests bring fakes, an embedding program its own logger. */
export interface ServerParts {
  readonly logger: Logger;
  readonly engine?: Engine;
  readonly clock?: Clock;
  /** When aborted before the server is up, the start ends: `StartEndedError`. Afterwards the caller calls `stop`. */
  readonly stopping?: AbortSignal;
}

/** Starts a server; on failure everything that was started is stopped again. */
export async function createServer(config: ServerConfig, parts: ServerParts): Promise<RunningServer> {
  const { logger, stopping } = parts;
  if (stopping?.aborted) throw new StartEndedError(true);
  const clock = parts.clock ?? systemClock;
  const engine = parts.engine ?? openEngine({ ...engineOptions(config), logger });
  logEngine(engine, logger);
  for (const flag of config.ignoredFlags) logger.warn({}, flag);

  const accounts = MemoryBudget.accounts(config.frontendThreads + 1);
  const budget = new MemoryBudget(config.limits.maxInflightBytes, accounts);
  const turns = TurnCounts.of(config.frontendThreads + 1);
  const metrics: ServerMetrics = new ServerMetrics(config.metrics, clock, {
    host: config.metrics.cpuMetrics ? hostProbe() : null,
    gpu: null,
    pinnedMemory: null,
    process: processProbe(),
    turns,
    inflightBytes: () => budget.totalBytes,
  });
  const turn = turns.row(0);
  const loop = watchEventLoop(loadNativeThreads(), turn, 'main', clock, logger);
  const models = createControl(config, engine, metrics, { clock, turn, logger });
  // Frontend threads have a ring of their own, where callers are known.
  const ring = hasFrontendThreads(config, loadNativeThreads()) ? [] : serverRing(config.requestLog, { clock, logger });
  const server: LocalServer = new LocalServer(config, models, ring);
  const running = new StoppableServer(config, server, models, logger, clock, () => loop.close());
  // The clock of the stop runs from the signal on, whatever the start is waiting for.
  const endStart = (): void => void running.stop();
  stopping?.addEventListener('abort', endStart, { once: true });
  try {
    await running.listen(
      frontendsOf(config, server, metrics, { budget, turns, clock, logger, slices: new SliceQueue(clock, loop.spans) }),
    );
    const failed = await running.unlessStopped(models.start());
    loop.tell();
    if (failed.length > 0 && config.repository.exitOnError) {
      const names = failed.map((name) => `'${name}'`).join(', ');
      throw new StartupError(
        `creating server: Internal - failed to load all models; failed: ${names} (see the log above)`,
      );
    }
    return running;
  } catch (error) {
    // A signal while a failed start is undone must not hide why it failed.
    const wasAsked = stopping?.aborted === true;
    const isOrderly = await running.stop();
    throw wasAsked ? new StartEndedError(isOrderly) : error;
  } finally {
    stopping?.removeEventListener('abort', endStart);
  }
}

function engineOptions({
  engine,
}: ServerConfig): Pick<OpenEngineOptions, 'libraryPath' | 'cudaLibraryPaths' | 'plugins' | 'globalThreadPool'> {
  const { libraryPath, cudaLibraryPaths, plugins, globalThreadPool, globalIntraOpThreads, globalInterOpThreads } =
    engine;
  const threads = { intraOpThreads: globalIntraOpThreads, interOpThreads: globalInterOpThreads };
  return { libraryPath, cudaLibraryPaths, plugins, globalThreadPool: globalThreadPool ? threads : null };
}

function logEngine(engine: Engine, logger: Logger): void {
  const { runtimeVersion, cpuCores, cudaProblem } = engine.describe();
  const gpus = engine.cudaDevices().map(({ name }) => name);
  logger.info({ runtimeVersion, cpuCores, gpus }, 'ONNX Runtime is loaded');
  if (cudaProblem) logger.info({}, `models run on the CPU: ${cudaProblem}`);
}

function createControl(
  { repository, engine: settings, limits, requestLog }: ServerConfig,
  engine: Engine,
  metrics: ServerMetrics,
  { clock, turn, logger }: Pick<SourceTools, 'clock' | 'turn' | 'logger'>,
): ModelControl {
  const tools: SourceTools = {
    engine,
    clock,
    turn,
    logger,
    statistics: metrics.createStatistics,
    chooseScheduler,
    maxQueuedRequests: limits.maxQueuedRequests,
    gate: limits.maxConcurrentRuns > 0 ? new RunLimit(limits.maxConcurrentRuns) : null,
    autoComplete: repository.autoComplete,
    defaultMaxBatchSize: settings.defaultMaxBatchSize,
    interceptors: versionRing(requestLog, { clock, logger }),
    kinds: servableKinds,
  };
  const view = new DiskView(repository, tools, nativeFacts());
  return new ModelControl({
    view,
    clock,
    logger,
    settings: {
      mode: repository.controlMode,
      pollIntervalMs: repository.pollIntervalMs,
      startupModels: repository.startupModels,
      waitsForRepository: !repository.exitOnError,
    },
    loadSlots: loadSlots(repository.loadConcurrency),
    retryCount: repository.loadRetryCount,
    observer: {
      versionMoved: (model, version, from, to, reason) =>
        logger.debug({ model, version, from, to, ...(reason && { reason }) }, 'version moved'),
    },
    onReleaseError: (error) => logger.error({ error }, 'temporary files of a model could not be removed'),
  });
}

/** The parts that the frontends of this thread share; the threads of others have their own. */
interface FrontendTools {
  readonly budget: MemoryBudget;
  readonly slices: SliceQueue;
  readonly turns: TurnCounts;
  readonly clock: Clock;
  readonly logger: Logger;
}

function frontendsOf(
  config: ServerConfig,
  server: LocalServer,
  metrics: ServerMetrics,
  tools: FrontendTools,
): readonly Frontend[] {
  const { slices, logger } = tools;
  const frontends = [...protocolFrontends(config, server, tools)];
  if (config.metrics.listen) {
    frontends.push(new MetricsFrontend(config.metrics.listen, () => metrics.pieces(), slices, logger));
  }
  return frontends;
}

/** Where several are asked for and the system shares ports between them. */
const hasFrontendThreads = ({ frontendThreads, http, grpc }: ServerConfig, { sharesPorts }: NativeThreads): boolean =>
  frontendThreads > 1 && (http.listen !== null || grpc.listen !== null) && sharesPorts;

/** On threads of their own, or on this one. */
function protocolFrontends(
  config: ServerConfig,
  server: LocalServer,
  { budget, slices, turns, clock, logger }: FrontendTools,
): readonly Frontend[] {
  const { http, grpc, requestLog, frontendThreads } = config;
  const native = loadNativeThreads();
  if (hasFrontendThreads(config, native)) {
    logger.info({ frontendThreads }, 'the frontends have threads of their own');
    const shared = { server, native, budget, turns, clock, logger, requestLog };
    return threadedFrontends({ ...shared, threadCount: frontendThreads, http, grpc });
  }
  if (frontendThreads > 1 && !native.sharesPorts) {
    logger.warn(
      { frontendThreads },
      'this system does not share a port between threads: the frontends run on one thread',
    );
  }
  const frontends: Frontend[] = [];
  const isExiting = (): boolean => server.isExiting;
  const memory = new MessagePool(clock, budget, native);
  const shared = { server, clock, logger, isExiting, slices, memory, socketCalls: native };
  if (http.listen) frontends.push(createHttpFrontend({ ...shared, config: http }));
  if (grpc.listen) frontends.push(createGrpcFrontend({ ...shared, config: grpc }));
  return frontends;
}
