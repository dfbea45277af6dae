/** JSON requests so large that reading them in one turn would block the event loop. */

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notFound } from '../../../../src/errors.ts';
import {
  type DecodedInfer,
  decodeInferRequest,
  InferDecoding,
  largeJsonBytes,
} from '../../../../src/frontends/http/infer/request-codec.ts';
import { hostBytes } from '../../../../src/tensor/tensor-bytes.ts';
import { type HttpFixture, json, startHttp } from '../../../fakes/http-client.ts';
import { countedReads } from '../../counted-reads.ts';

const target = { modelName: 'm', modelVersion: '', maxInputBytes: 2 ** 26 };

const values: Readonly<Record<string, (i: number) => string>> = {
  FP32: (i) => String(Math.fround(Math.sin(i))),
  FP64: (i) => (i % 1000 === 7 ? 'NaN' : String(Math.sin(i))),
  FP16: (i) => String(i % 512),
  BF16: (i) => String(i % 128),
  INT8: (i) => String((i % 256) - 128),
  INT64: (i) => String(BigInt(i) * 123_456_789_123n),
  UINT32: (i) => String(i),
  BOOL: (i) => String(i % 3 === 0),
  BYTES: (i) => (i % 100 === 0 ? '"ä\\n"' : '""'),
};

/** Some tensors of that datatype with a large one among them, and members behind it. */
function body(datatype: string, count: number, isNested = false): Buffer {
  const element = values[datatype] as (i: number) => string;
  const elements = Array.from({ length: count }, (_, i) => (isNested ? ` [ ${element(i)} ]` : element(i)));
  const small = `{"name":"S","shape":[2],"datatype":"${datatype}","data":[${element(1)},${element(2)}]}`;
  const large = `{"name":"L","shape":[${count}],"datatype":"${datatype}","data":[${elements.join()}]}`;
  const early = `{"data":[${elements.join()}],"name":"E","shape":[${count}],"datatype":"${datatype}"}`;
  return Buffer.from(`{"id":"a","inputs":[${small},${large},${early}],"parameters":{"priority":3,"k":"v"}}`);
}

/** With a digest in place of the bytes: comparing them one by one would take most of the time. */
const plain = ({ request, ...rest }: DecodedInfer) => ({
  ...rest,
  request: {
    ...request,
    inputs: request.inputs.map(({ data, ...tensor }) => ({
      ...tensor,
      data: createHash('sha256').update(hostBytes(data)).digest('hex'),
    })),
  },
});

describe('a request that is read in turns', () => {
  it.each(Object.keys(values))('is the same as in one go, of %s', (datatype) => {
    for (const isNested of [false, true]) {
      const bytes = body(datatype, 40_000, isNested);
      const decoding = new InferDecoding(bytes, null, target, null);
      let turns = 1;
      let decoded = decoding.turn();
      for (; decoded === null; turns++) decoded = decoding.turn();
      expect(turns).toBeGreaterThan(Math.floor(bytes.length / (256 * 1024)));
      expect(plain(decoded)).toEqual(plain(decodeInferRequest(bytes, null, target, null)));
    }
  });

  it('does no more in a turn however large it is, and reads each byte of a tensor a fixed number of times', () => {
    const most: number[] = [];
    const perByte: number[] = [];
    for (const count of [100_000, 300_000]) {
      const elements = new Array(count).fill('7').join();
      const text = `{"inputs":[{"name":"L","shape":[${count}],"datatype":"INT64","data":[${elements}]}]}`;
      const { bytes, reads } = countedReads(Buffer.from(text));
      const decoding = new InferDecoding(bytes, null, target, null);
      let before = 0;
      let largest = 0;
      for (let isDone = false; !isDone; ) {
        isDone = decoding.turn() !== null;
        largest = Math.max(largest, reads() - before);
        before = reads();
      }
      most.push(largest);
      perByte.push(before / bytes.length);
    }
    expect(most[1]).toBeLessThan(1.1 * (most[0] as number));
    expect(perByte[1]).toBeLessThan(1.2 * (perByte[0] as number));
  });

  /** What one turn looks at most, and all of them together, for a body that is read to its end or refused. */
  function turnsOf(text: string): { readonly most: number; readonly all: number; readonly decoded: DecodedInfer } {
    const { bytes, reads } = countedReads(Buffer.from(text));
    const decoding = new InferDecoding(bytes, null, target, null);
    let most = 0;
    for (;;) {
      const before = reads();
      const decoded = decoding.turn();
      most = Math.max(most, reads() - before);
      if (decoded !== null) return { most, all: reads(), decoded };
    }
  }

  const list = (count: number, element: string): string => new Array(count).fill(element).join();
  const few = 100_000;
  const bodies: Readonly<Record<string, (count: number) => string>> = {
    'one string': (count) => `{"inputs":[{"name":"S","shape":[1],"datatype":"BYTES","data":["${'a'.repeat(count)}"]}]}`,
    'one string of escapes': (count) =>
      `{"inputs":[{"name":"S","shape":[1],"datatype":"BYTES","data":["${'\\n'.repeat(count)}"]}]}`,
    'a tensor before its datatype': (count) =>
      `{"inputs":[{"data":[${list(count, '7')}],"name":"L","shape":[${count}],"datatype":"INT32"}]}`,
    'many tensors': (count) =>
      `{"inputs":[${Array.from({ length: count / 1000 }, (_, i) => `{"name":"X${i}","shape":[500],"datatype":"INT32","data":[${list(500, '7')}]}`).join()}]}`,
    'many shapes of many dimensions': (count) =>
      `{"inputs":[${Array.from({ length: count / 1000 }, (_, i) => `{"name":"X${i}","shape":[${list(1000, '1')}],"datatype":"INT32","data":[7]}`).join()}]}`,
  };

  it.each(Object.keys(bodies))('looks at each byte a fixed number of times, and at few in a turn: %s', (what) => {
    const make = bodies[what] as (count: number) => string;
    const [small, large] = [turnsOf(make(few)), turnsOf(make(4 * few))];
    expect(large.most).toBeLessThan(Math.max(1.2 * small.most, 1_500_000));
    expect(large.all / make(4 * few).length).toBeLessThan(1.5 * (small.all / make(few).length));
  });

  it('takes long strings as JSON.parse reads them, wherever a piece ends', () => {
    for (const part of ['ä\\n', '€', '😀', '\\ud83d\\ude00', '\\u20acx', '\\\\', '\\"']) {
      for (let shift = 0; shift < 12; shift++) {
        const text = `"${'x'.repeat(shift)}${part.repeat(30_000)}"`;
        const bytes = Buffer.from(`{"inputs":[{"name":"S","shape":[1],"datatype":"BYTES","data":[${text}]}]}`);
        const data = Buffer.from(hostBytes(decodeInferRequest(bytes, null, target, null).request.inputs[0]!.data));
        const expected = Buffer.from(JSON.parse(text) as string);
        expect([data.readUInt32LE(0), data.subarray(4).equals(expected)]).toEqual([expected.length, true]);
      }
    }
  });

  it('is refused for more white space than any client writes', () => {
    const blank = ' '.repeat(5 * 1024 * 1024);
    const whole = `{"inputs":[{"name":"S","shape":[1],"datatype":"INT32","data":[1]}]}`;
    for (const text of [`${blank}${whole}`, `${whole}${blank}`, whole.replace('[1]}', `[${blank}1]}`)]) {
      expect(() => decodeInferRequest(Buffer.from(text), null, target, null)).toThrow(
        'white space of the JSON is longer',
      );
    }
    const { bytes, reads } = countedReads(Buffer.from(`${blank}${blank}${whole}`));
    expect(() => decodeInferRequest(bytes, null, target, null)).toThrow('white space');
    // What is behind the bound is not looked at.
    expect(reads()).toBeLessThan(blank.length);
  });

  it('is refused in the words of one that is read in one go', () => {
    const good = body('UINT32', 80_000).toString();
    for (const bad of [
      good.replace(/,79999\]/, ',x]'),
      good.slice(0, -1),
      good.replace('[80000]', '[79999]'),
      `${good}x`,
    ]) {
      const read = (decode: () => unknown): string => {
        try {
          decode();
          return 'read';
        } catch (error) {
          return (error as Error).message;
        }
      };
      const decoding = new InferDecoding(Buffer.from(bad), null, target, null);
      const inTurns = read(() => {
        while (decoding.turn() === null);
      });
      expect(inTurns).not.toBe('read');
      expect(inTurns).toBe(read(() => decodeInferRequest(Buffer.from(bad), null, target, null)));
    }
  });
});

describe('over a connection', () => {
  let http: HttpFixture;
  beforeAll(async () => {
    http = await startHttp({ maxInputBytes: 1 << 26 });
  });
  afterAll(() => http.listening.close());

  it('a large request is answered, and small ones in the meantime', async () => {
    const elements = Array.from({ length: 300_000 }, (_, i) => String(i)).join();
    const large = http.infer(`{"inputs":[{"name":"L","shape":[300000],"datatype":"INT32","data":[${elements}]}]}`);
    const order: string[] = [];
    await Promise.all([
      large.then((answer) => {
        expect(answer.status).toBe(200);
        expect(answer.body.toString()).toContain(`"data":[${elements}]`);
        order.push('large');
      }),
      http.send('GET', '/v2/health/live').then(() => order.push('small')),
    ]);
    expect(order).toEqual(['small', 'large']);
    expect(http.server.unreleased).toBe(0);
  });

  it.each([
    ['that cannot be read', '{"inputs":[{"name":'],
    [
      'that is large',
      `{"inputs":[{"name":"L","shape":[1],"datatype":"INT32","data":[${'x'.repeat(largeJsonBytes)}]}]}`,
    ],
  ])('a request %s to a model that is not there is told that', async (_what, text) => {
    const { find } = http.server;
    const asked: string[] = [];
    http.server.find = async (name, version) => {
      asked.push(`${name}/${version}`);
      throw notFound(`Request for unknown model: '${name}' is not found`);
    };
    const answer = await http.send('POST', '/v2/models/none/versions/3/infer', text);
    http.server.find = find;
    expect(answer.status).toBe(404);
    expect(json(answer).error).toContain("unknown model: 'none'");
    expect(asked).toEqual(['none/3']);
  });
});
