/**
 * Rewritten classifiers, run by ONNX Runtime's own Node binding: labels and probabilities must be those that the
 * original gives through its maps.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { withoutZipMap } from '../../src/engine/onnx-file/zip-map.ts';

interface JsonTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

const root = join(import.meta.dirname, '../..');

const feed = ({ datatype, data, shape }: JsonTensor): Tensor =>
  datatype === 'BYTES'
    ? new Tensor('string', data as string[], shape)
    : new Tensor('float32', Float32Array.from(data as number[]), shape);

describe('a scikit-learn pipeline with its default ZipMap', () => {
  it.each(['iris_pipeline', 'vote_pipeline'])('%s gives the labels and the matrix of probabilities', async (name) => {
    const expected = JSON.parse(readFileSync(join(root, `test/models/expected/${name}.json`), 'utf8'));
    const rewritten = await withoutZipMap(join(root, `model-repository/${name}/1/model.onnx`));
    expect(rewritten!.labels.get('output_probability')).toEqual(expected.labels.output_probability);
    const session = await InferenceSession.create(rewritten!.bytes);
    for (const { inputs, outputs } of expected.cases as { inputs: JsonTensor[]; outputs: JsonTensor[] }[]) {
      const answers = await session.run(Object.fromEntries(inputs.map((input) => [input.name, feed(input)])));
      for (const output of outputs) {
        const answer = answers[output.name]!;
        expect(answer.dims).toEqual(output.shape);
        if (output.datatype === 'FP32') {
          (answer.data as Float32Array).forEach((value, index) => {
            expect(value).toBeCloseTo(output.data[index] as number, 5);
          });
        } else expect(Array.from(answer.data as ArrayLike<unknown>, String)).toEqual(output.data.map(String));
      }
    }
    await session.release();
  });
});

describe('the shared conformance set', () => {
  const models = join(root, '../shared/conformance/models');
  const manifest = join(models, 'manifest.json');

  it('has a random forest that gives the probabilities of its reference', async ({ skip }) => {
    skip(!existsSync(manifest), `there is no ${manifest}`);
    const entry = JSON.parse(readFileSync(manifest, 'utf8')).models.find(
      (candidate: { name: string }) => candidate.name === 'sklearn_randomforest',
    );
    skip(entry === undefined, 'the set has no sklearn_randomforest');
    const rewritten = await withoutZipMap(join(models, entry.model_file));
    expect([...rewritten!.labels]).toEqual([['output_probability', ['0', '1', '2']]]);
    const session = await InferenceSession.create(rewritten!.bytes);
    for (const { inputs, outputs } of entry.references) {
      const bytes = readFileSync(join(models, inputs[0].file));
      const values = new Float32Array(new Uint8Array(bytes).buffer);
      const { output_probability: probabilities } = await session.run({
        X: new Tensor('float32', values, inputs[0].shape),
      });
      const rows: number[][] = outputs[1].value.map((row: Record<string, number>) => Object.values(row));
      expect(probabilities!.dims).toEqual([rows.length, 3]);
      (probabilities!.data as Float32Array).forEach((value, index) => {
        expect(value).toBeCloseTo(rows.flat()[index]!, 4);
      });
    }
    await session.release();
  });
});
