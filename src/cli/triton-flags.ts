/**
 * Triton's flags that have no effect in this version, and those whose feature it does not have: accepted so that a
 * command line written for Triton works, or refused with the reason so that nobody relies on a missing feature.
 */

import { falseTexts, type FlagEffect, type FlagTable } from './flag.ts';

const ignored = (reason: string, off: readonly string[] = []): FlagEffect => ({ kind: 'ignored', reason, off });
const refused = (reason: string, off: readonly string[] = []): FlagEffect => ({ kind: 'refused', reason, off });

const text = { type: 'text', initial: null } as const;
const wholeNumber = { type: 'integer', initial: null } as const;
const off = { type: 'boolean', initial: 'false' } as const;

const noThreads = ignored('one event loop serves all connections and never waits for a model');
const noStrikes = ignored('pings of clients are answered always and never held against them');
const noSsl = refused('TLS is not in this version; put a proxy that ends TLS in front of the port', falseTexts);
const sslDetail = ignored('TLS is not in this version');
const noTrace = refused('tracing is not in this version');
const noPool = ignored('memory is set aside by what the loaded models need');
const noCloudDetail = (service: string): FlagEffect => ignored(`the ${service} endpoint is not in this version`);

export const tritonFlags = {
  'model-load-gpu-limit': {
    ...text,
    group: 'Models',
    placeholder: 'device:fraction',
    help: 'Refuse a load when more than this fraction of the GPU memory is in use.',
    effect: refused('the limit is not enforced in this version; set gpu_mem_limit in the model configuration'),
  },
  'model-namespacing': {
    ...off,
    group: 'Models',
    help: 'Equal names in several repositories.',
    effect: refused('namespaces are not in this version; a model name must be in one repository only', falseTexts),
  },
  'reuse-http-port': {
    ...off,
    group: 'HTTP',
    help: 'Share the port with another process.',
    effect: refused('ports are not shared in this version; use one port per server', falseTexts),
  },
  'http-thread-count': { ...wholeNumber, group: 'HTTP', help: 'Threads that serve HTTP.', effect: noThreads },
  'reuse-grpc-port': {
    ...off,
    group: 'gRPC',
    help: 'Share the port with another process.',
    effect: refused('ports are not shared in this version; use one port per server', falseTexts),
  },
  'grpc-infer-thread-count': { ...wholeNumber, group: 'gRPC', help: 'Threads that serve gRPC.', effect: noThreads },
  'grpc-infer-allocation-pool-size': {
    ...wholeNumber,
    group: 'gRPC',
    help: 'Request states kept for reuse.',
    effect: ignored('requests need no such states'),
  },
  'grpc-max-response-pool-size': {
    ...wholeNumber,
    group: 'gRPC',
    help: 'Responses kept for a stream.',
    effect: ignored('responses leave as they are made'),
  },
  'grpc-http2-max-pings-without-data': {
    ...wholeNumber,
    group: 'gRPC',
    help: 'Pings that the server sends on a silent connection.',
    effect: ignored('the server pings by --grpc-keepalive-time only'),
  },
  'grpc-keepalive-permit-without-calls': {
    ...off,
    group: 'gRPC',
    help: 'Allow pings of clients on connections without calls.',
    effect: noStrikes,
  },
  'grpc-http2-min-recv-ping-interval-without-data': {
    ...wholeNumber,
    group: 'gRPC',
    help: 'Shortest time between two pings of a client.',
    effect: noStrikes,
  },
  'grpc-http2-max-ping-strikes': {
    ...wholeNumber,
    group: 'gRPC',
    help: 'Bad pings after which a connection is closed.',
    effect: noStrikes,
  },
  'grpc-use-ssl': { ...off, group: 'gRPC', help: 'Serve gRPC over TLS.', effect: noSsl },
  'grpc-use-ssl-mutual': { ...off, group: 'gRPC', help: 'Ask clients for certificates.', effect: noSsl },
  'grpc-server-cert': { ...text, group: 'gRPC', help: 'Certificate of the server.', effect: sslDetail },
  'grpc-server-key': { ...text, group: 'gRPC', help: 'Key of the server.', effect: sslDetail },
  'grpc-root-cert': { ...text, group: 'gRPC', help: 'Certificates that clients are checked with.', effect: sslDetail },
  'allow-client-shm': {
    ...off,
    group: 'Server',
    help: 'Let clients register shared memory.',
    effect: ignored('shared memory is not in this version; register answers UNIMPLEMENTED', falseTexts),
  },
  'enable-peer-access': {
    type: 'boolean',
    initial: 'true',
    group: 'Engine and memory',
    help: 'CUDA peer access.',
    effect: ignored('a model runs on the devices of its instances and never copies between them'),
  },
  'pinned-memory-pool-byte-size': {
    ...wholeNumber,
    group: 'Engine and memory',
    help: 'Pinned host memory.',
    effect: noPool,
  },
  'cuda-memory-pool-byte-size': {
    ...text,
    group: 'Engine and memory',
    isRepeatable: true,
    placeholder: 'gpu:bytes',
    help: 'Device memory per GPU.',
    effect: noPool,
  },
  'cuda-virtual-address-size': {
    ...text,
    group: 'Engine and memory',
    isRepeatable: true,
    placeholder: 'gpu:bytes',
    help: 'Address space for states that grow.',
    effect: ignored('sequence states are not in this version'),
  },
  'min-supported-compute-capability': {
    ...text,
    group: 'Engine and memory',
    help: 'Oldest GPU that is used.',
    effect: ignored('ONNX Runtime decides which GPUs it can use'),
  },
  'buffer-manager-thread-count': {
    ...wholeNumber,
    group: 'Engine and memory',
    help: 'Threads that copy tensors.',
    effect: ignored('each instance copies in its own thread'),
  },
  'host-policy': {
    ...text,
    group: 'Engine and memory',
    isRepeatable: true,
    placeholder: 'policy,key=value',
    help: 'NUMA node or cores for a policy.',
    effect: ignored('the server keeps to the cores it was given; bind it with numactl or a cpuset'),
  },
  'backend-directory': {
    ...text,
    group: 'Engine and memory',
    help: 'Folder of backends.',
    effect: ignored('the ONNX Runtime engine is built in'),
  },
  'repoagent-directory': {
    ...text,
    group: 'Engine and memory',
    help: 'Folder of repository agents.',
    effect: ignored('repository agents are not in this version'),
  },
  'trace-config': {
    ...text,
    group: 'Tracing',
    isRepeatable: true,
    placeholder: '[mode,]key=value',
    help: 'What is traced, and where to.',
    effect: refused('tracing is not in this version', ['level=off']),
  },
  'trace-file': { ...text, group: 'Tracing', help: 'Older form of --trace-config.', effect: noTrace },
  'trace-level': {
    ...text,
    group: 'Tracing',
    isRepeatable: true,
    help: 'Older form of --trace-config.',
    effect: refused('tracing is not in this version', ['off']),
  },
  'trace-rate': {
    ...wholeNumber,
    group: 'Tracing',
    help: 'Older form of --trace-config.',
    effect: ignored('tracing is not in this version'),
  },
  'trace-count': {
    ...wholeNumber,
    group: 'Tracing',
    help: 'Older form of --trace-config.',
    effect: ignored('tracing is not in this version'),
  },
  'trace-log-frequency': {
    ...wholeNumber,
    group: 'Tracing',
    help: 'Older form of --trace-config.',
    effect: ignored('tracing is not in this version'),
  },
  'cache-config': {
    ...text,
    group: 'Cache and rate limiter',
    isRepeatable: true,
    placeholder: 'cache,key=value',
    help: 'Response cache.',
    effect: refused('the response cache is not in this version'),
  },
  'cache-directory': {
    ...text,
    group: 'Cache and rate limiter',
    help: 'Folder of cache implementations.',
    effect: ignored('the response cache is not in this version'),
  },
  'response-cache-byte-size': {
    ...wholeNumber,
    group: 'Cache and rate limiter',
    help: 'Older form of --cache-config.',
    effect: refused('the response cache is not in this version', ['0']),
  },
  'rate-limit': {
    type: 'choice',
    initial: 'off',
    choices: ['off', 'execution_count'],
    group: 'Cache and rate limiter',
    help: 'Limit executions by resources.',
    effect: refused('the rate limiter is not in this version', ['off']),
  },
  'rate-limit-resource': {
    ...text,
    group: 'Cache and rate limiter',
    isRepeatable: true,
    placeholder: 'name:count[:device]',
    help: 'Amount of a resource.',
    effect: ignored('the rate limiter is not in this version'),
  },
  'allow-sagemaker': {
    ...off,
    group: 'Cloud endpoints',
    help: 'Serve the SageMaker endpoint.',
    effect: refused('the SageMaker endpoint is not in this version', falseTexts),
  },
  'sagemaker-port': {
    ...wholeNumber,
    group: 'Cloud endpoints',
    help: 'Port of the SageMaker endpoint.',
    effect: noCloudDetail('SageMaker'),
  },
  'sagemaker-safe-port-range': {
    ...text,
    group: 'Cloud endpoints',
    help: 'Ports the SageMaker endpoint may use.',
    effect: noCloudDetail('SageMaker'),
  },
  'sagemaker-thread-count': {
    ...wholeNumber,
    group: 'Cloud endpoints',
    help: 'Threads of the SageMaker endpoint.',
    effect: noCloudDetail('SageMaker'),
  },
  'allow-vertex-ai': {
    ...off,
    group: 'Cloud endpoints',
    help: 'Serve the Vertex AI endpoint.',
    effect: refused('the Vertex AI endpoint is not in this version', falseTexts),
  },
  'vertex-ai-port': {
    ...wholeNumber,
    group: 'Cloud endpoints',
    help: 'Port of the Vertex AI endpoint.',
    effect: noCloudDetail('Vertex AI'),
  },
  'vertex-ai-thread-count': {
    ...wholeNumber,
    group: 'Cloud endpoints',
    help: 'Threads of the Vertex AI endpoint.',
    effect: noCloudDetail('Vertex AI'),
  },
  'vertex-ai-default-model': {
    ...text,
    group: 'Cloud endpoints',
    help: 'Model of the Vertex AI endpoint.',
    effect: noCloudDetail('Vertex AI'),
  },
} as const satisfies FlagTable;
