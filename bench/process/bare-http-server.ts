/**
 * `node:http` without an inference server: reads a request to its end and answers with as many bytes as the model's
 * answer would have. A program of its own: bare-http-server HTTP_PORT GRPC_PORT; the second one is not used.
 */

import { createServer } from 'node:http';

import { outputName } from '../load/infer-case.ts';

const smallBytes = 64;
const answers = new Map<string, { readonly head: Record<string, string | number>; readonly body: Buffer }>();

/** `out-262144` has so many bytes, everything else a few. */
function answerOf(path: string) {
  const known = answers.get(path);
  if (known !== undefined) return known;
  const bytes = Number(/\/out-(\d+)\//.exec(path)?.[1] ?? smallBytes);
  const parameters = { binary_data_size: bytes };
  const outputs = [{ name: outputName, datatype: 'FP32', shape: [1, bytes / 4], parameters }];
  const json = Buffer.from(JSON.stringify({ model_name: 'bare', model_version: '1', outputs }));
  const body = Buffer.concat([json, Buffer.alloc(bytes)]);
  const head = {
    'Content-Type': 'application/octet-stream',
    'Inference-Header-Content-Length': json.length,
    'Content-Length': body.length,
  };
  const made = { head, body };
  answers.set(path, made);
  return made;
}

createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    // As a server does that hands the body on as one tensor.
    Buffer.concat(parts);
    const { head, body } = answerOf(request.url ?? '');
    response.writeHead(200, request.method === 'POST' ? head : {});
    response.end(request.method === 'POST' ? body : undefined);
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
