/** The flags of `nereid serve` about HTTP and gRPC. */

import type { FlagTable } from './flag.ts';
import { choice, milliseconds, port, text, wholeNumber, yesNo } from './flag-shapes.ts';

const mebibyte = 1024 * 1024;

export const frontendFlags = {
  'allow-http': { ...yesNo, group: 'HTTP', initial: 'true', help: 'Serve HTTP.' },
  'http-address': { ...text, group: 'HTTP', initial: '0.0.0.0', placeholder: 'address', help: 'Address to listen on.' },
  'http-port': { ...port, group: 'HTTP', initial: '8000', help: 'Port to listen on; 0 takes a free one.' },
  'http-transport': {
    ...choice,
    group: 'HTTP',
    initial: 'nereid',
    choices: ['nereid', 'node'],
    help: "Implementation of HTTP/1.1: our own, or Node's, which costs several times the CPU per request.",
  },
  'http-max-input-size': {
    ...wholeNumber,
    group: 'HTTP',
    initial: String(64 * mebibyte),
    min: 1,
    max: 2 ** 32 - 1,
    placeholder: 'bytes',
    help: 'Largest body in JSON, raw or after decompression. Bodies with binary tensors behind their JSON (Inference-Header-Content-Length) are limited by --max-inflight-bytes alone, as in Triton.',
  },
  'http-header-forward-pattern': {
    ...text,
    group: 'HTTP',
    initial: null,
    placeholder: 'regex',
    help: 'Headers of an inference request whose name matches (in any case, anywhere) become request parameters.',
  },
  'http-restricted-api': {
    ...text,
    group: 'HTTP',
    initial: null,
    placeholder: 'apis:key=value',
    isRepeatable: true,
    help: 'Requests of these APIs need the header <key> with that value, else 403. APIs, with commas between: health, metadata, inference, shared-memory, model-config, model-repository, statistics, trace, logging.',
  },
  'allow-grpc': { ...yesNo, group: 'gRPC', initial: 'true', help: 'Serve gRPC.' },
  'grpc-address': { ...text, group: 'gRPC', initial: '0.0.0.0', placeholder: 'address', help: 'Address to listen on.' },
  'grpc-port': { ...port, group: 'gRPC', initial: '8001', help: 'Port to listen on; 0 takes a free one.' },
  'grpc-transport': {
    ...choice,
    group: 'gRPC',
    initial: 'nereid',
    choices: ['nereid', 'grpc-js'],
    help: 'Implementation of HTTP/2: our own, or @grpc/grpc-js, which costs several times the CPU per request.',
  },
  'grpc-max-message-size': {
    ...wholeNumber,
    group: 'gRPC',
    initial: String(2 ** 31 - 1),
    min: 1,
    max: 2 ** 31 - 1,
    placeholder: 'bytes',
    help: 'Largest message that is accepted.',
  },
  'grpc-header-forward-pattern': {
    ...text,
    group: 'gRPC',
    initial: null,
    placeholder: 'regex',
    help: 'Metadata keys that match (in any case, anywhere) become request parameters.',
  },
  'grpc-restricted-protocol': {
    ...text,
    group: 'gRPC',
    initial: null,
    placeholder: 'apis:key=value',
    isRepeatable: true,
    help: 'Calls of these APIs need the metadata triton-grpc-protocol-<key> with that value, else UNAVAILABLE. APIs as with --http-restricted-api.',
  },
  'grpc-infer-response-compression-level': {
    ...choice,
    group: 'gRPC',
    initial: 'none',
    choices: ['none', 'low', 'medium', 'high'],
    help: 'Compression of inference responses.',
  },
  'grpc-keepalive-time': {
    ...milliseconds,
    group: 'gRPC',
    initial: '7200000',
    min: 1,
    help: 'Time without a byte from the client after which the server pings it.',
  },
  'grpc-keepalive-timeout': {
    ...milliseconds,
    group: 'gRPC',
    initial: '20000',
    min: 1,
    help: 'Time for the answer to a ping before the connection is closed.',
  },
  'grpc-max-connection-age': {
    ...milliseconds,
    group: 'gRPC',
    initial: '0',
    help: 'Age at which a connection is asked to end, so that clients reconnect and spread. 0: never.',
  },
  'grpc-max-connection-age-grace': {
    ...milliseconds,
    group: 'gRPC',
    initial: '0',
    help: 'Time for the calls on such a connection to end. 0: unlimited.',
  },
} as const satisfies FlagTable;
