/** Converts the command line and the environment to a `ServerConfig`: pure, complete, frozen. */

import { resolve } from 'node:path';
import type { GrpcConfig, HttpConfig, LogConfig, RequestLogConfig, ServerConfig } from '../server/server-config.ts';
import type { Flag, FlagTable } from './flag.ts';
import { booleanOf, FlagValues, valueProblem } from './flag-values.ts';
import { readBackendSettings, readMetricsSettings } from './keyed-settings.ts';
import { listenAddresses } from './listen-addresses.ts';
import { type GivenFlag, parseFlags } from './parse-flags.ts';
import { readPlugins } from './plugin-flag.ts';
import { repositoryConfig, type Surroundings } from './repository-arguments.ts';
import { readRestrictions } from './restricted-apis.ts';
import { type ServeFlags, serveFlags } from './serve-flags.ts';
import { tritonFlags } from './triton-flags.ts';
import { UsageError } from './usage-error.ts';

type Values = FlagValues<ServeFlags>;

/** Every flag that `nereid serve` recognises. */
export const allServeFlags: FlagTable = { ...serveFlags, ...tritonFlags };

/** Whether the value only switches off a feature that does not exist. */
const isOff = (flag: Flag, value: string): boolean =>
  'off' in flag.effect && (flag.effect.off ?? []).includes(value.toLowerCase());

const shownFlag = ({ name, value }: GivenFlag): string => (value === '' ? `--${name}` : `--${name}=${value}`);

/** The given flags: the valid ones, and sentences on those that are invalid or have no effect. */
interface Judgement {
  readonly valid: readonly GivenFlag[];
  readonly problems: readonly string[];
  readonly ignored: readonly string[];
}

/** Whether the flag is the address or port of a frontend that is switched off, which is not checked. */
function isOfFrontendOff(name: string, given: readonly GivenFlag[]): boolean {
  const frontend = /^(http|grpc|metrics)-(address|port)$/.exec(name)?.[1];
  const allow = given.findLast((one) => one.name === `allow-${frontend}`);
  return allow !== undefined && booleanOf(allow.value) === false;
}

function judge(given: readonly GivenFlag[]): Judgement {
  const valid: GivenFlag[] = [];
  const problems: string[] = [];
  const ignored: string[] = [];
  for (const one of given) {
    const flag = allServeFlags[one.name] as Flag;
    const { effect } = flag;
    const problem = valueProblem(flag, one.value);
    if (problem !== null && isOfFrontendOff(one.name, given)) continue;
    if (problem !== null) problems.push(`--${one.name} ${problem}`);
    else if (effect.kind === 'honoured' || isOff(flag, one.value)) valid.push(one);
    else if (effect.kind === 'refused') problems.push(`${shownFlag(one)} cannot be honoured: ${effect.reason}`);
    else ignored.push(`${shownFlag(one)} has no effect: ${effect.reason}`);
  }
  return { valid, problems, ignored };
}

function headerPattern(flag: string, text: string | null, problems: string[]): RegExp | null {
  if (text === null) return null;
  try {
    return new RegExp(text.replace(/^\(\?i\)/, ''), 'i');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    problems.push(`--${flag} expects a regular expression but '${text}' was given: ${reason}`);
    return null;
  }
}

function logConfig(values: Values, cwd: string): LogConfig {
  const formats: Readonly<Record<string, LogConfig['format']>> = {
    default: 'auto',
    ISO8601: 'text',
    json: 'json',
    text: 'text',
  };
  const file = values.text('log-file');
  return {
    level: logLevel(values),
    format: formats[values.choice('log-format')] ?? 'auto',
    file: file && resolve(cwd, file),
  };
}

/** The lowest level that is switched on, with all above it. */
function logLevel(values: Values): LogConfig['level'] {
  if (values.number('log-verbose') > 0) return 'debug';
  if (values.boolean('log-info')) return 'info';
  if (values.boolean('log-warning')) return 'warn';
  return values.boolean('log-error') ? 'error' : 'silent';
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null && !(part instanceof RegExp)) deepFreeze(part);
  }
  return Object.freeze(value);
}

function grpcConfig(values: Values, listen: GrpcConfig['listen'], problems: string[]): GrpcConfig {
  const pattern = values.text('grpc-header-forward-pattern');
  return {
    listen,
    transport: values.choice('grpc-transport') as GrpcConfig['transport'],
    maxMessageBytes: values.number('grpc-max-message-size'),
    headerForwardPattern: headerPattern('grpc-header-forward-pattern', pattern, problems),
    restrictions: readRestrictions(
      'grpc-restricted-protocol',
      values.all('grpc-restricted-protocol'),
      'triton-grpc-protocol-',
      problems,
    ),
    responseCompressionLevel: values.choice(
      'grpc-infer-response-compression-level',
    ) as GrpcConfig['responseCompressionLevel'],
    keepaliveTimeMs: values.number('grpc-keepalive-time'),
    keepaliveTimeoutMs: values.number('grpc-keepalive-timeout'),
    maxConnectionAgeMs: values.number('grpc-max-connection-age'),
    maxConnectionAgeGraceMs: values.number('grpc-max-connection-age-grace'),
  };
}

const mostFrontendThreads = 8;

/**
 * A quarter of the cores; the others compute. Below eight cores the main thread is the only one: threads that share a
 * core cost more than they gain (measured: docs/decisions/0010-frontend-threads.md).
 */
const frontendThreadsFor = (cpuCores: number): number =>
  Math.max(1, Math.min(mostFrontendThreads, Math.floor(cpuCores / 4)));

const mostInflightBytes = 1024 * 1024 * 1024;

/** A quarter of the memory: weights, intermediate results and uncollected garbage need the rest. */
const inflightBytesFor = (memoryBytes: number): number => Math.min(mostInflightBytes, Math.ceil(memoryBytes / 4));

/**
 * The settings from the words after `serve`. Throws a `UsageError` that lists all faults.
 */
export function parseServeArguments(words: readonly string[], surroundings: Surroundings): ServerConfig {
  const parsed = parseFlags(words, allServeFlags);
  const { valid, problems: wrong, ignored } = judge(parsed.given);
  const operands = parsed.operands.map(
    (operand) => `unexpected argument '${operand}'; a repository is given with --model-repository`,
  );
  const problems = [...parsed.problems, ...operands, ...wrong];
  const isUnderstood = parsed.problems.length + operands.length === 0;
  const values = new FlagValues(serveFlags, valid);
  const backend = readBackendSettings(values.all('backend-config'));
  const metrics = readMetricsSettings(values.all('metrics-config'));
  problems.push(...backend.problems, ...metrics.problems);
  const addresses = listenAddresses(values, problems);
  const config: ServerConfig = {
    id: values.text('id') ?? '',
    version: surroundings.version,
    exitTimeoutMs: values.number('exit-timeout-secs') * 1_000,
    frontendThreads: values.number('frontend-threads') || frontendThreadsFor(surroundings.cpuCores),
    repository: repositoryConfig(values, backend.settings, surroundings, problems, isUnderstood),
    engine: {
      libraryPath: libraryPath(values, surroundings.cwd),
      cudaLibraryPaths: values.all('cuda-library-path').map((path) => resolve(surroundings.cwd, path)),
      plugins: readPlugins(values.all('execution-provider'), surroundings.cwd, problems),
      defaultMaxBatchSize: backend.settings.defaultMaxBatchSize,
      globalThreadPool: backend.settings.globalThreadPool,
      globalIntraOpThreads: backend.settings.globalIntraOpThreads,
      globalInterOpThreads: backend.settings.globalInterOpThreads,
    },
    limits: {
      maxInflightBytes: values.number('max-inflight-bytes') || inflightBytesFor(surroundings.memoryBytes),
      maxQueuedRequests: values.number('max-queued-requests'),
      maxConcurrentRuns: values.number('max-concurrent-runs'),
    },
    http: {
      listen: addresses.http,
      transport: values.choice('http-transport') as HttpConfig['transport'],
      maxInputBytes: values.number('http-max-input-size'),
      headerForwardPattern: headerPattern(
        'http-header-forward-pattern',
        values.text('http-header-forward-pattern'),
        problems,
      ),
      restrictions: readRestrictions('http-restricted-api', values.all('http-restricted-api'), '', problems),
    },
    grpc: grpcConfig(values, addresses.grpc, problems),
    metrics: {
      listen: addresses.metrics,
      intervalMs: values.number('metrics-interval-ms'),
      cpuMetrics: values.boolean('allow-cpu-metrics'),
      gpuMetrics: values.boolean('allow-gpu-metrics'),
      ...metrics.settings,
    },
    log: logConfig(values, surroundings.cwd),
    requestLog: {
      requests: values.choice('log-requests') as RequestLogConfig['requests'],
      slowRequestMs: values.number('log-slow-requests-ms'),
    },
    ignoredFlags: [...ignored, ...backend.ignored],
  };
  if (problems.length > 0) throw new UsageError(problems);
  return deepFreeze(config);
}

function libraryPath(values: Values, cwd: string): string | null {
  const path = values.text('onnxruntime-library');
  return path === null ? null : resolve(cwd, path);
}
