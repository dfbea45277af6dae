/**
 * A gRPC transport of ours without an inference server, to measure its cost: the real codecs of ModelInfer around an
 * echo of the first bytes of the first input, the same work as peers/grpcpp_echo.cc. A program of its own:
 * grpc-echo-server TRANSPORT; prints its port when it listens.
 */

import { createRequire } from 'node:module';
import { decodeInferRequest } from '../../src/frontends/grpc/infer/request-codec.ts';
import { InferResponseMessage } from '../../src/frontends/grpc/infer/response-codec.ts';
import type { GrpcTransport, UnaryCall, UnaryMethod } from '../../src/frontends/grpc/transport/transport.ts';
import { noParameters } from '../../src/inference/request.ts';
import type { InferenceResponse } from '../../src/inference/response.ts';
import { type Logger, silentLogger } from '../../src/logger.ts';
import type { GrpcConfig } from '../../src/server/server-config.ts';
import { hostBytes } from '../../src/tensor/tensor-bytes.ts';
import type { NativeThreads } from '../../src/threads/native-threads.ts';
import { type Clock, systemClock } from '../../src/time.ts';
import { modelInferPath } from '../load/grpc-infer.ts';
import { outputName } from '../load/infer-case.ts';
import { echoedBytes } from '../models/echo-cases.ts';

const elementBytes = 4;
const noLabels: readonly string[] = [];
const keepNothing = (): void => undefined;

const configOf = (transport: GrpcConfig['transport']): GrpcConfig => ({
  listen: { host: '127.0.0.1', port: 0 },
  transport,
  maxMessageBytes: 2 ** 31 - 1,
  headerForwardPattern: null,
  restrictions: [],
  responseCompressionLevel: 'none',
  keepaliveTimeMs: 7_200_000,
  keepaliveTimeoutMs: 20_000,
  maxConnectionAgeMs: 0,
  maxConnectionAgeGraceMs: 0,
});

function echo(message: Buffer, call: UnaryCall): void {
  const { modelName, id, inputs } = decodeInferRequest(message, null);
  const [input] = inputs;
  if (input === undefined) throw new Error('expected an input');
  const data = hostBytes(input.data).subarray(0, echoedBytes);
  const response: InferenceResponse = {
    modelName,
    modelVersion: '1',
    id,
    parameters: noParameters,
    outputs: [
      {
        name: outputName,
        datatype: 'FP32',
        shape: [1, data.length / elementBytes],
        data,
        labels: noLabels,
        classificationCount: 0,
      },
    ],
    isBatched: true,
    release: keepNothing,
  };
  call.respond(new InferResponseMessage(response, 'unary'));
}

type TransportMaker = (dependencies: { readonly clock: Clock; readonly logger: Logger }) => GrpcTransport;

/** Only the transport that is measured is loaded. */
async function transportMaker(transport: GrpcConfig['transport']): Promise<TransportMaker> {
  switch (transport) {
    case 'grpc-js':
      return (await import('../../src/frontends/grpc/transport/grpc-js/transport.ts')).createGrpcJsTransport;
    case 'nereid':
      return http2Maker();
  }
}

/** As the server makes it. */
async function http2Maker(): Promise<TransportMaker> {
  const { createHttp2Transport } = await import('../../src/frontends/grpc/transport/http2/transport.ts');
  // Seen from build/bench, where the loader of src finds nothing.
  const addon = createRequire(import.meta.url)('../../../addon/Release/nereid.node') as NativeThreads;
  return (dependencies) => createHttp2Transport({ ...dependencies, socketCalls: addon });
}

const transport = process.argv[2];
if (transport !== 'grpc-js' && transport !== 'nereid')
  throw new Error(`expected grpc-js or nereid, got '${transport}'`);
const method: UnaryMethod = { kind: 'unary', path: modelInferPath, isCompressible: false, handle: echo };
const createTransport = await transportMaker(transport);
const serving = createTransport({ clock: systemClock, logger: silentLogger });
const { port } = await serving.start([method], configOf(transport), null);
console.log(String(port));
process.on('SIGTERM', () => process.exit(0));
