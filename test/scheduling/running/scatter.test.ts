import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { EngineResult } from '../../../src/engine/engine.ts';
import type { ModelConfig } from '../../../src/model-config/model-config.ts';
import { admit } from '../../../src/scheduling/admission/admission.ts';
import { compileAdmission } from '../../../src/scheduling/admission/plan.ts';
import { engineBatchOf } from '../../../src/scheduling/running/batch.ts';
import { QueuedRequest } from '../../../src/scheduling/queue/queued-request.ts';
import { compileScatter, outputFault, rowsFault, Scatter } from '../../../src/scheduling/running/scatter.ts';
import { encodeBytesElements } from '../../../src/tensor/bytes-elements.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { hostBytes } from '../../../src/tensor/tensor-bytes.ts';
import { identity, joinedBytes } from '../../fakes/fake-engine.ts';
import {
  inputConfig,
  modelConfig,
  modelSignature,
  outputConfig,
  signatureOf,
  tensorSpec,
} from '../../fakes/make-model.ts';
import { fp32, inferenceContext, inferenceRequest, tensor } from '../../fakes/make-request.ts';

const ignoringSink = { next: () => undefined, fail: () => undefined };

const noLabels = new Map<string, readonly string[]>();

function queued(config: ModelConfig, inputs: readonly Tensor[]): QueuedRequest {
  const plan = compileAdmission(config, signatureOf(config));
  return new QueuedRequest(admit(plan, inferenceRequest({ inputs })), inferenceContext(), 0, 1, 0, ignoringSink);
}

const resultOf = (outputs: EngineResult['outputs']): EngineResult => ({
  error: null,
  outputs,
  inputNs: 0,
  inferNs: 0,
  outputNs: 0,
  hadEffects: false,
  release: () => undefined,
});

describe('scatter after gather', () => {
  const config = modelConfig({
    maxBatchSize: 1000,
    inputs: [inputConfig('A', 'FP32', [-1, 2]), inputConfig('B', 'BYTES', [3])],
    outputs: [outputConfig('A', 'FP32', [-1, 2]), outputConfig('B', 'BYTES', [3])],
  });
  const plan = compileScatter(config, signatureOf(config), noLabels);

  const anyRequests = fc
    .tuple(fc.nat(3), fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 }))
    .chain(([extent, rowCounts]) =>
      fc.tuple(
        ...rowCounts.map((rows) =>
          fc
            .tuple(
              fc.uint8Array({ minLength: rows * extent * 8, maxLength: rows * extent * 8 }),
              fc.array(fc.uint8Array({ maxLength: 6 }), { minLength: rows * 3, maxLength: rows * 3 }),
            )
            .map(([bytes, elements]) => [
              tensor('A', 'FP32', [rows, extent, 2], bytes),
              tensor('B', 'BYTES', [rows, 3], encodeBytesElements(elements)),
            ]),
        ),
      ),
    );

  it('gives every request its own rows back, for any rows, shapes and strings', () => {
    fc.assert(
      fc.property(anyRequests, (sent) => {
        const requests = sent.map((inputs) => queued(config, inputs));
        const batch = engineBatchOf(requests, null);
        const outputs = batch.outputs.map((index) => {
          const { shape, parts } = batch.inputs[index];
          return {
            index,
            datatype: index === 0 ? ('FP32' as const) : ('BYTES' as const),
            shape,
            data: joinedBytes(parts),
          };
        });
        const rows = requests.reduce((sum, request) => sum + request.rows, 0);
        const result = resultOf(outputs);
        expect(outputFault(plan, result, 2)).toBeNull();
        expect(rowsFault(plan, result.outputs, rows)).toBeNull();
        const scatter = new Scatter(plan, result, requests, rows);
        let firstRow = 0;
        for (const [i, request] of requests.entries()) {
          const got = scatter.outputsFor(request, i, firstRow);
          expect(got.map(({ name, shape, data }) => ({ name, shape, data: [...hostBytes(data)] }))).toEqual(
            sent[i].map(({ name, shape, data }) => ({ name, shape, data: [...hostBytes(data)] })),
          );
          firstRow += request.rows;
        }
      }),
      { seed: 50, numRuns: 200 },
    );
  });

  it('copies nothing: every part is a view on the slab', () => {
    const requests = [1, 2].map((rows) =>
      queued(config, [
        fp32('A', [rows, 1, 2], new Array(rows * 2).fill(rows)),
        tensor('B', 'BYTES', [rows, 3], new Uint8Array(rows * 12)),
      ]),
    );
    const slab = new Uint8Array(24);
    const strings = new Uint8Array(36);
    const result = resultOf([
      { index: 0, datatype: 'FP32', shape: [3, 1, 2], data: slab },
      { index: 1, datatype: 'BYTES', shape: [3, 3], data: strings },
    ]);
    const [a, b] = new Scatter(plan, result, requests, 3).outputsFor(requests[1], 1, 1);
    expect([hostBytes(a.data).buffer === slab.buffer, hostBytes(a.data).byteOffset, hostBytes(a.data).length]).toEqual([
      true,
      8,
      16,
    ]);
    expect([
      hostBytes(b.data).buffer === strings.buffer,
      hostBytes(b.data).byteOffset,
      hostBytes(b.data).length,
    ]).toEqual([true, 12, 24]);
  });
});

it('a batch has a value for all rows once, as a scalar', () => {
  const shared = modelConfig({
    maxBatchSize: 8,
    inputs: [inputConfig('X', 'FP32', [1]), inputConfig('T', 'FP32', [1], { reshape: [] })],
  });
  const signature = modelSignature(
    [tensorSpec('X', 'FP32', [-1, 1]), tensorSpec('T', 'FP32', [])],
    [tensorSpec('OUTPUT', 'FP32', [-1, 1])],
  );
  const admission = compileAdmission(shared, signature);
  const request = (rows: number) => {
    const inputs = [fp32('X', [rows, 1], new Array(rows).fill(rows)), fp32('T', [rows, 1], new Array(rows).fill(9))];
    return new QueuedRequest(admit(admission, inferenceRequest({ inputs })), inferenceContext(), 0, 1, 0, ignoringSink);
  };
  const [x, t] = engineBatchOf([request(1), request(3)], null).inputs;
  expect(x?.shape).toEqual([4, 1]);
  expect(t).toMatchObject({ index: 1, shape: [] });
  expect(t?.parts.map(({ length }) => length)).toEqual([4]);
});

describe('an output', () => {
  const answer = (config: ModelConfig, shape: readonly number[], bytes: number, signature = signatureOf(config)) => {
    const request = queued(config, [fp32('INPUT', config.maxBatchSize > 0 ? [1, 1] : [1], [0])]);
    const labels = new Map([['OUTPUT', ['cat', 'dog']]]);
    const plan = compileScatter(config, signature, labels);
    const result = resultOf([{ index: 0, datatype: 'FP32', shape, data: new Uint8Array(bytes) }]);
    expect(outputFault(plan, result, 1)).toBeNull();
    return new Scatter(plan, result, [request], 1).outputsFor(request, 0, 0)[0];
  };

  it('carries its labels and the wanted number of classes', () => {
    expect(answer(modelConfig(), [1, 1], 4)).toMatchObject({ labels: ['cat', 'dog'], classificationCount: 0 });
  });

  it("falls back to the model's own labels", () => {
    const config = modelConfig();
    const spec = tensorSpec('OUTPUT', 'FP32', [-1, 1], { labels: ['setosa'] });
    const signature = modelSignature([tensorSpec('INPUT', 'FP32', [-1, 1])], [spec]);
    expect(compileScatter(config, signature, noLabels).outputs[0]?.labels).toEqual(['setosa']);
  });

  it('that is reshaped is shown in the shape of the configuration', () => {
    const config = modelConfig({ outputs: [outputConfig('OUTPUT', 'FP32', [4], { reshape: [2, 2] })] });
    expect(answer(config, [1, 2, 2], 16).shape).toEqual([1, 4]);
    const flat = modelConfig({ outputs: [outputConfig('OUTPUT', 'FP32', [1], { reshape: [] })] });
    expect(answer(flat, [1], 4).shape).toEqual([1, 1]);
  });

  it.each<[string, number, readonly number[], readonly number[] | null, readonly number[], readonly number[]]>([
    ['rows and dims, where they hold the elements', 8, [1], [], [1, 1], [1, 1]],
    ['rows and dims of another rank', 8, [4], [2, 2], [1, 2, 1, 2], [1, 4]],
    ['the real shape, where dims do not hold the elements', 8, [1], [], [1, 3], [1, 3]],
    ['the real shape, where dims are open', 8, [-1], [1, -1], [1, 3], [1, 3]],
    ['the real shape of a scalar', 8, [1], [], [], []],
    ['the real shape without a reshape', 8, [3], null, [1, 5, 2], [1, 5, 2]],
    ['dims without rows, where the model does not batch', 0, [1], [], [1], [1]],
    ['the real shape, where a scalar was declared', 0, [1], [], [2, 1], [2, 1]],
  ])('that is not made as declared is shown in %s', (_, maxBatchSize, dims, reshape, made, shown) => {
    const config = modelConfig({ maxBatchSize, outputs: [outputConfig('OUTPUT', 'FP32', dims, { reshape })] });
    const bytes = made.reduce((product, extent) => product * extent, 4);
    expect(answer(config, made, bytes).shape).toEqual(shown);
  });

  it('that is a scalar is shown as [1] by a model that does not batch', () => {
    const config = modelConfig({ maxBatchSize: 0 });
    const signature = modelSignature([tensorSpec('INPUT', 'FP32', [1])], [tensorSpec('OUTPUT', 'FP32', [])]);
    expect(answer(config, [], 4, signature).shape).toEqual([1]);
  });

  it('whose first dimension is not the rows is named, with both numbers', () => {
    const config = modelConfig();
    const plan = compileScatter(config, signatureOf(config), noLabels);
    const batch = engineBatchOf([queued(config, [fp32('INPUT', [2, 1], [1, 2])])], null);
    const fault = rowsFault(plan, resultOf(identity()(batch)).outputs, 3);
    expect(fault?.code).toBe('internal');
    expect(fault?.message).toBe(
      "output 'OUTPUT' of model 'm' must have the batch's 3 rows as its first dimension, but got shape [2,1]",
    );
  });

  it('left out of the configuration is not expected from the engine', () => {
    const config = modelConfig();
    const signature = modelSignature(
      [tensorSpec('INPUT', 'FP32', [-1, 1])],
      [tensorSpec('HIDDEN', 'FP32', [-1]), tensorSpec('OUTPUT', 'FP32', [-1, 1])],
    );
    const plan = compileScatter(config, signature, noLabels);
    expect(plan.outputs[0]).toBeUndefined();
    const hidden = resultOf([{ index: 0, datatype: 'FP32', shape: [1], data: new Uint8Array(4) }]);
    expect(outputFault(plan, hidden, 1)?.message).toContain('nobody asked for');
  });
});
