/** JSON that is small but expensive: every count, length and depth of a request has a limit. */

import { describe, expect, it } from 'vitest';
import { decodeInferRequest } from '../../../../src/frontends/http/infer/request-codec.ts';
import { scanDouble, scanInteger64 } from '../../../../src/frontends/http/json/numbers.ts';
import { JsonReader } from '../../../../src/frontends/http/json/reader.ts';
import { readJsonObject } from '../../../../src/frontends/http/json/value.ts';
import { requestLimits } from '../../../../src/inference/request-limits.ts';
import { countedReads } from '../../counted-reads.ts';

const target = { modelName: 'm', modelVersion: '', maxInputBytes: 2 ** 26 };
const decode = (text: string) => decodeInferRequest(Buffer.from(text), null, target, null);

const input = '{"name":"X","shape":[1],"datatype":"INT64","data":[1]}';
const request = (members: string, inputs = input) => `{"inputs":[${inputs}]${members}}`;
const withDatatype = (datatype: string, element: string) =>
  request('', `{"name":"X","shape":[1],"datatype":"${datatype}","data":[${element}]}`);

describe('a number of very many characters', () => {
  const digits = 1_000_000;
  const numbers: Readonly<Record<string, string>> = {
    'of digits': '7'.repeat(digits),
    'of digits below zero': `-${'7'.repeat(digits)}`,
    'of zeros': '0'.repeat(digits),
    'of decimals': `0.${'7'.repeat(digits)}`,
    'of zeros behind the point': `0.${'0'.repeat(digits)}1`,
    'of digits in the exponent': `1e${'0'.repeat(digits)}1`,
  };

  it.each(Object.entries(numbers))('%s is refused everywhere, and its end is not looked for', (_what, number) => {
    const places = [
      ...['INT64', 'UINT64', 'INT32', 'UINT8', 'FP64', 'FP32', 'FP16', 'BOOL', 'BYTES'].map((type) =>
        withDatatype(type, number),
      ),
      request(`,"parameters":{"timeout":${number}}`),
      request(`,"parameters":{"custom":${number}}`),
      request(`,"unknown":${number}`),
      request(`,"id":${number}`),
      request('', `{"name":"X","shape":[${number}],"datatype":"INT64","data":[1]}`),
      request('', `{"name":"X","shape":[1],"datatype":"INT64","parameters":{"binary_data_size":${number}}}`),
    ];
    for (const text of places)
      expect(() => decode(text)).toThrow(/^(?:failed to parse|Unable to parse|.*out of range)/);
  });

  it.each(Object.entries(numbers))('%s takes a fixed number of steps', (_what, number) => {
    const scans: readonly ((reader: JsonReader) => unknown)[] = [
      (reader) => scanDouble(reader, false),
      (reader) => scanDouble(reader, true),
      (reader) => scanInteger64(reader, true, new Uint32Array(2), 0),
      (reader) => reader.unsigned('k'),
      (reader) => reader.number(),
      (reader) => reader.skip(0),
    ];
    for (const scan of scans) {
      const { bytes, reads } = countedReads(Buffer.from(number));
      try {
        scan(new JsonReader(bytes));
      } catch {
        // Whether it is refused is the test above; `scanInteger64` says with null that there is no integer.
      }
      expect(reads()).toBeLessThan(8 * requestLimits.numberCharacters);
    }
  });
});

describe('a request', () => {
  const list = (count: number, element: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => element(i)).join();
  const { parameters, tensors, tensorParameters, jsonRank: rank, nameBytes, textBytes } = requestLimits;

  const beyond: Readonly<Record<string, readonly [text: string, refusal: string]>> = {
    parameters: [
      request(`,"parameters":{${list(parameters + 1, (i) => `"p${i}":1`)}}`),
      `more than ${parameters} parameters`,
    ],
    inputs: [
      request(
        '',
        list(tensors + 1, (i) => input.replace('X', `X${i}`)),
      ),
      `more than ${tensors} inputs`,
    ],
    outputs: [request(`,"outputs":[${list(tensors + 1, (i) => `{"name":"Y${i}"}`)}]`), `more than ${tensors} outputs`],
    'parameters of an input': [
      request('', input.replace('"shape"', `"parameters":{${list(tensorParameters + 1, (i) => `"p${i}":1`)}},"shape"`)),
      `more than ${tensorParameters} parameters of one tensor`,
    ],
    'parameters of an output': [
      request(`,"outputs":[{"name":"Y","parameters":{${list(tensorParameters + 1, (i) => `"p${i}":1`)}}}]`),
      `more than ${tensorParameters} parameters of one tensor`,
    ],
    dimensions: [request('', input.replace('[1]', `[${list(rank + 1, () => '1')}]`)), `more than ${rank} dimensions`],
    'bytes in a name': [
      request('', input.replace('X', 'X'.repeat(nameBytes + 1))),
      `'name' is longer than ${nameBytes}`,
    ],
    'bytes in the names and shapes of inputs': [
      request(
        '',
        list(200, (i) => input.replace('X', `X${i}`).replace('[1]', `[${list(rank, () => '1')}]`)),
      ),
      'names and shapes of the inputs is longer than',
    ],
    'bytes in the names of outputs': [
      request(`,"outputs":[${list(1100, (i) => `{"name":"${'Y'.repeat(nameBytes - 4)}${i}"}`)}]`),
      'names and shapes of the outputs is longer than',
    ],
    'bytes in a datatype': [request('', input.replace('INT64', 'I'.repeat(nameBytes + 1))), `'datatype' is longer`],
    'bytes in its id': [request(`,"id":"${'i'.repeat(textBytes + 1)}"`), `is longer than ${textBytes} bytes`],
    'bytes in the name of a member': [
      request(`,"${'i'.repeat(textBytes + 1)}":1`),
      `is longer than ${textBytes} bytes`,
    ],
    'bytes in unknown members': [
      request(`,"x":["${list(5, () => 'i'.repeat(textBytes)).replaceAll(',', '","')}"]`),
      'besides the members',
    ],
    'values in unknown members': [request(`,"x":[${list(500_000, () => '1')}]`), 'besides the members of the protocol'],
    depth: [request(`,"x":${'['.repeat(101)}`), 'nesting depth'],
  };

  it.each(Object.entries(beyond))('has a limit on its %s', (_what, [text, refusal]) => {
    expect(() => decode(text)).toThrow(refusal);
  });

  it('may be as large as the limits in all of them', () => {
    const { request: decoded } = decode(
      request(
        `,"parameters":{${list(1000, (i) => `"p${i}":"${i}"`)}},"id":"${'i'.repeat(textBytes)}","x":[${list(1000, () => '1')}]`,
        list(1000, (i) => input.replace('X', `X${i}`).replace('[1]', `[1,1,1]`)),
      ),
    );
    expect([decoded.parameters.size, decoded.inputs.length, decoded.id.length]).toEqual([1000, 1000, textBytes]);
  });

  it('reports the bytes it holds: body, decoded tensors and parameters', () => {
    const text = request(`,"id":"${'i'.repeat(1000)}","parameters":{"k":"${'v'.repeat(500)}"}`);
    const { heldBytes } = decode(text).request;
    expect(heldBytes).toBeGreaterThanOrEqual(text.length + 8 + 1000 + 500);
    // Characters may take two bytes each, and every object some more.
    expect(heldBytes).toBeLessThan(text.length + 8 + 2 * (1000 + 500) + 1000);
    expect(decode(`${text}${' '.repeat(100_000)}`).request.heldBytes).toBe(heldBytes + 100_000);
  });

  it('of a wrong kind is refused by its beginning', () => {
    const { bytes, reads } = countedReads(Buffer.from(`{"inputs":{"a":[${list(200_000, () => '1')}]}}`));
    expect(() => decodeInferRequest(bytes, null, target, null)).toThrow('non-array as array');
    expect(reads()).toBeLessThan(1000);
  });
});

describe('the body of a control call', () => {
  it('has a limit on its values', () => {
    const many = Array.from({ length: 70_000 }, (_, i) => `"p${i}":[]`).join();
    expect(() => readJsonObject(Buffer.from(`{"parameters":{${many}}}`))).toThrow('more than 65536 values');
  });
});
