/** `POST …/infer` over real connections, to a server that echoes. */

import { connect } from 'node:net';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpFixture, json, startHttp, tensor } from '../../../fakes/http-client.ts';

let http: HttpFixture;
beforeAll(async () => {
  http = await startHttp({ maxInputBytes: 1 << 20 });
});
afterAll(() => http.listening.close());

/** Text of the echoed data, which `JSON.parse` could not keep exact. */
async function echoed(datatype: string, data: string, count: number): Promise<string> {
  const body = `{"inputs":[{"name":"IN","datatype":"${datatype}","shape":[${count}],"data":[${data}]}]}`;
  const answer = await http.infer(body);
  const text = answer.body.toString();
  expect(answer.status, text).toBe(200);
  return /"data":\[(.*)\]\}\]\}$/.exec(text)?.[1] ?? text;
}

async function refusal(body: unknown, headers: Record<string, string> = {}): Promise<string> {
  const answer = await http.infer(body, headers);
  expect(answer.status).toBe(400);
  expect(answer.headers['content-type']).toBe('application/json');
  return json(answer).error as string;
}

describe('inference in JSON', () => {
  it('answers with id, model, version and outputs', async () => {
    const answer = await http.infer({ id: 'a', ...tensor('INT32', [1, -2, 3]) });
    expect(json(answer)).toEqual({
      id: 'a',
      model_name: 'echo',
      model_version: '1',
      outputs: [{ name: 'IN', datatype: 'INT32', shape: [3], data: [1, -2, 3] }],
    });
    expect(http.server.unreleased).toBe(0);
  });

  it.each([
    ['INT64', '-9223372036854775808,9223372036854775807,9007199254740993', 3],
    ['UINT64', '18446744073709551615,0', 2],
    ['FP32', 'NaN,Infinity,-Infinity,1.5', 4],
    ['FP64', '0.1,1e-300,NaN', 3],
    ['FP16', '1.5,-2', 2],
    ['BF16', '1.5,-2', 2],
    ['BOOL', 'true,false', 2],
    ['BYTES', '"a\\n","","ü"', 3],
    ['UINT8', '255,0', 2],
  ])('keeps every %s value', async (datatype, data, count) => {
    expect(await echoed(datatype, data, count)).toBe(data);
  });

  it('passes version, parameters and requested outputs on', async () => {
    await http.send(
      'POST',
      '/v2/models/echo/versions/7/infer',
      JSON.stringify({
        ...tensor('INT32', [1]),
        parameters: { priority: 2, timeout: 5, custom: 'x', __proto__x: true },
        outputs: [{ name: 'IN' }],
      }),
    );
    const { request } = http.server.last;
    expect(request).toMatchObject({ modelVersion: '7', priority: 2, timeoutUs: 5 });
    expect(request.parameters.get('custom')).toBe('x');
    expect(request.outputs).toEqual([{ name: 'IN', classificationCount: 0 }]);
  });

  it('answers with classes where they are asked for', async () => {
    const answer = await http.infer({
      ...tensor('FP32', [0.5, 2, 1]),
      outputs: [{ name: 'IN', parameters: { classification: 2 } }],
    });
    const [output] = json(answer).outputs;
    expect(output.datatype).toBe('BYTES');
    expect(output.data.map((text: string) => text.split(':').at(1))).toEqual(['1', '2']);
  });

  it.each([
    ['', 'The document is empty'],
    ['{', 'failed to parse the request JSON buffer'],
    ['[]', 'JSON non-object'],
    ['{}', "'inputs'"],
    ['{"inputs":{}}', 'JSON non-array'],
    ['{"inputs":[],"inputs":[]}', 'twice'],
    ['{"inputs":[]} {}', 'must not be followed by other values'],
    [`{"inputs":[],"x":${'['.repeat(5000)}`, 'JSON nesting depth exceeds maximum allowed limit (100)'],
  ])('refuses %.40s', async (body, expected) => {
    expect(await refusal(body)).toContain(expected);
  });

  it.each([
    ['INT8', [128], 'out of range'],
    ['INT32', [1.5], ''],
    ['INT32', ['1'], ''],
    ['UINT8', [-1], ''],
    ['FP32', [1e39], 'out of range'],
    ['BOOL', [1], 'non-boolean'],
    ['BYTES', [1], 'non-string'],
    ['FP128', [1], 'invalid datatype for input IN'],
  ])('refuses %s of %j', async (datatype, data, expected) => {
    expect(await refusal(tensor(datatype, data))).toContain(expected);
  });

  it('refuses too few and too many elements, repeated names and nesting beyond the limit', async () => {
    expect(await refusal(tensor('INT32', [1], [2]))).toContain('fewer elements');
    expect(await refusal(tensor('INT32', [1, 2, 3], [2]))).toContain('more elements');
    const [input] = tensor('INT32', [1]).inputs;
    expect(await refusal({ inputs: [input, input] })).toBe(
      "[request id: <id_unknown>] input 'IN' already exists in request",
    );
    const deep = `{"inputs":[{"name":"IN","datatype":"INT32","shape":[1],"data":${'['.repeat(101)}1${']'.repeat(101)}}]}`;
    expect(await refusal(deep)).toContain('nesting depth');
  });

  it('reads data that stands before shape and datatype', async () => {
    const answer = await http.infer('{"inputs":[{"data":[[1],[2]],"shape":[2],"datatype":"INT32","name":"IN"}]}');
    expect(json(answer).outputs[0].data).toEqual([1, 2]);
  });
});

const binaryHead = (size: number, extra = '') =>
  `{"inputs":[{"name":"IN","datatype":"INT32","shape":[2],"parameters":{"binary_data_size":${size}}}]${extra}}`;
const eight = Buffer.from([1, 0, 0, 0, 255, 255, 255, 255]);
const withLength = (head: string, binary: Buffer): [Buffer, Record<string, string>] => [
  Buffer.concat([Buffer.from(head), binary]),
  { 'Inference-Header-Content-Length': String(head.length) },
];

describe('inference with the binary extension', () => {
  it('hands the bytes behind the JSON on as the tensor', async () => {
    const parameters = ',"parameters":{"binary_data_output":true}';
    const answer = await http.infer(...withLength(binaryHead(8, parameters), eight));
    const jsonLength = Number(answer.headers['inference-header-content-length']);
    expect(answer.status, answer.body.toString()).toBe(200);
    expect(answer.body.subarray(jsonLength)).toEqual(eight);
  });

  it.each([2, 20_000])('answers in binary with %i elements when asked', async (count) => {
    const data = Array.from({ length: count }, (_, i) => i);
    const answer = await http.infer({ ...tensor('INT32', data), parameters: { binary_data_output: true } });
    const jsonLength = Number(answer.headers['inference-header-content-length']);
    expect(answer.headers['content-type']).toBe('application/octet-stream');
    const { outputs } = JSON.parse(answer.body.subarray(0, jsonLength).toString());
    expect(outputs[0].parameters).toEqual({ binary_data_size: 4 * count });
    expect(answer.body.subarray(jsonLength)).toEqual(Buffer.from(Int32Array.from(data).buffer));
    expect(http.server.unreleased).toBe(0);
  });

  it('takes the whole body as the only input when the JSON length is zero', async () => {
    const answer = await http.infer(eight, { 'Inference-Header-Content-Length': '0' });
    expect(answer.status).toBe(200);
    expect(http.server.last.request.inputs[0]).toMatchObject({ name: 'IN', shape: [2] });
  });

  it.each(['abc', '0x10', '1.5', '-1', '99999', '99999999999'])('refuses a JSON length of %s', async (length) => {
    const [body] = withLength(binaryHead(8), eight);
    expect(await refusal(body, { 'Inference-Header-Content-Length': length })).toMatch(/header/i);
  });

  it('refuses missing and left over bytes and binary data without a length', async () => {
    expect(await refusal(...withLength(binaryHead(8), eight.subarray(4)))).toContain('expecting 4 additional bytes');
    expect(await refusal(...withLength(binaryHead(4), eight))).toContain('unexpected additional input data');
    expect(await refusal(binaryHead(8))).toContain('Infer-Header-Content-Length');
  });
});

describe('compressed bodies', () => {
  const plain = JSON.stringify(tensor('INT32', [4, 5]));

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const)('takes %s', async (coding, compress) => {
    const answer = await http.infer(compress(plain), { 'Content-Encoding': coding });
    expect(json(answer).outputs[0].data).toEqual([4, 5]);
  });

  it.each([
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
  ] as const)('answers in %s when asked', async (coding, expand) => {
    const answer = await http.infer(plain, { 'Accept-Encoding': coding });
    expect(answer.headers['content-encoding']).toBe(coding);
    expect(JSON.parse(expand(answer.body).toString()).outputs[0].data).toEqual([4, 5]);
  });

  it('refuses what unpacks to more than the limit, is packed twice, damaged, or of unknown coding', async () => {
    const bomb = gzipSync(Buffer.alloc(64 << 20));
    expect(await refusal(bomb, { 'Content-Encoding': 'gzip' })).toContain('exceeds the maximum allowed value');
    expect(await refusal(plain, { 'Content-Encoding': 'deflate' })).toContain('not valid deflate data');
    for (const coding of ['br', 'gzip,gzip', 'compress']) {
      const answer = await http.infer(plain, { 'Content-Encoding': coding });
      expect([answer.status, answer.headers['accept-encoding']]).toEqual([415, 'gzip, deflate']);
    }
    expect((await http.infer(gzipSync(plain), { 'Content-Encoding': ' identity, X-GZIP' })).status).toBe(200);
  });
});

describe('a model that gives several responses', () => {
  it('is refused, because HTTP has one answer', async () => {
    const { server } = http;
    const { stream } = server;
    server.stream = (request, _context, sink) => {
      sink.next(server.respond(request, []), false);
      sink.next(server.respond(request, []), true);
    };
    const answer = await http.infer(tensor('INT32', [1]));
    server.stream = stream;
    expect(answer.status).toBe(501);
    expect(answer.body.toString()).toContain('decoupled transaction policy');
    expect(server.unreleased).toBe(0);
  });
});

describe('connections', () => {
  const post = (body: string) =>
    `POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

  it('refuses a JSON body beyond the limit and serves the next request', async () => {
    expect(await refusal(Buffer.alloc((1 << 20) + 1, 0x20))).toContain('--http-max-input-size');
    expect((await http.infer(tensor('INT32', [1]))).status).toBe(200);
  });

  it('answers pipelined requests in their order', async () => {
    const bodies = [1, 2, 3].map((value) => JSON.stringify({ id: `r${value}`, ...tensor('INT32', [value]) }));
    const text = await http.raw(bodies.map(post).join(''));
    expect([...text.matchAll(/"id":"(r\d)"/g)].map((match) => match[1])).toEqual(['r1', 'r2', 'r3']);
  });

  it.each([
    'GARBAGE\r\n\r\n',
    'POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    'POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    `GET /v2 HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
  ])('answers %.40j with an error in JSON and closes', async (bytes) => {
    expect(await http.raw(bytes)).toMatch(/^HTTP\/1\.1 4\d\d [\s\S]*Connection: close[\s\S]*\{"error":"/i);
  });

  it('cancels the request of a client that went away and gives its response back', async () => {
    const gone = await startHttp();
    const { server } = gone;
    let finish = (): void => undefined;
    server.answer = (request) =>
      new Promise((resolve) => {
        finish = () => resolve(http.server.respond(request, []));
      });
    const socket = connect(gone.listening.port, '127.0.0.1');
    socket.write(post(JSON.stringify(tensor('INT32', [1]))));
    await expect.poll(() => server.seen.length).toBe(1);
    socket.destroy();
    await expect.poll(() => server.last.context.cancellation.cancelled).toBe(true);
    finish();
    await expect.poll(() => server.unreleased).toBe(0);
    gone.listening.close();
  });

  it('turns configured headers into parameters', async () => {
    const forwarding = await startHttp({ headerForwardPattern: /^x-tag$/ });
    await forwarding.infer(tensor('INT32', [1]), { 'X-Tag': 'blue' });
    expect([...forwarding.server.last.request.parameters.values()]).toEqual(['blue']);
    forwarding.listening.close();
  });
});
