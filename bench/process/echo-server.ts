/**
 * Transports without an inference server, to measure their cost: node:http and grpc-js that read a request to its end
 * and answer with the same bytes every time. A program of its own: echo-server HTTP_PORT GRPC_PORT.
 */

import { createServer } from 'node:http';

import { Server, ServerCredentials } from '@grpc/grpc-js';

import { bytesField } from '../../test/models/onnx-writer.ts';
import { modelInferPath } from '../load/grpc-infer.ts';
import { outputName } from '../load/infer-case.ts';

const answerBytes = 64;
const maxMessageBytes = 64 * 1024 * 1024;
const [httpPort, grpcPort] = process.argv.slice(2).map(Number);

const tensor = Buffer.alloc(answerBytes);
const json = Buffer.from(
  JSON.stringify({
    model_name: 'tiny',
    model_version: '1',
    outputs: [{ name: outputName, datatype: 'FP32', shape: [1, 16], parameters: { binary_data_size: answerBytes } }],
  }),
);
const httpAnswer = Buffer.concat([json, tensor]);
const httpHead = {
  'Content-Type': 'application/octet-stream',
  'Inference-Header-Content-Length': json.length,
  'Content-Length': httpAnswer.length,
};

createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    response.writeHead(200, httpHead);
    response.end(request.method === 'POST' ? httpAnswer : undefined);
  });
}).listen(httpPort, '127.0.0.1');

const outputs = Buffer.concat([bytesField(1, outputName), bytesField(2, 'FP32'), bytesField(3, Buffer.from([1, 16]))]);
const grpcAnswer = Buffer.concat([
  bytesField(1, 'tiny'),
  bytesField(2, '1'),
  bytesField(5, outputs),
  bytesField(6, tensor),
]);
const asIs = (bytes: Buffer): Buffer => bytes;
const server = new Server({ 'grpc.max_receive_message_length': maxMessageBytes });
server.addService(
  {
    ModelInfer: {
      path: modelInferPath,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  },
  { ModelInfer: (_call: unknown, answer: (error: null, bytes: Buffer) => void) => answer(null, grpcAnswer) },
);
server.bindAsync(`127.0.0.1:${grpcPort}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
process.on('SIGTERM', () => process.exit(0));
