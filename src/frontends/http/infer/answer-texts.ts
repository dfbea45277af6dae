/** The names in an answer, as JSON. */

import { KnownAnswers, type NamedModel, type NamedOutput } from '../../v2/known-answers.ts';

export interface AnswerTexts {
  /** The members `model_name` and `model_version`. */
  readonly model: string;
  /** Of each output its object up to the extents of its shape. */
  readonly outputs: readonly string[];
  /** Whether each of these characters is one byte in UTF-8. */
  readonly isAscii: boolean;
}

/** Of all HTTP frontends of this thread. */
const known = new KnownAnswers<AnswerTexts>((model, outputs) => {
  const texts = { model: modelText(model), outputs: outputs.map(outputText) };
  const all = texts.model + texts.outputs.join('');
  return { ...texts, isAscii: Buffer.byteLength(all) === all.length };
});

/** @param outputs as in `KnownAnswers`. */
export const answerTexts = (model: NamedModel, outputs: readonly NamedOutput[]): AnswerTexts =>
  known.of(model, outputs);

const modelText = ({ modelName, modelVersion }: NamedModel): string =>
  flat(`"model_name":${JSON.stringify(modelName)},"model_version":"${modelVersion}"`);

const outputText = ({ name, datatype }: NamedOutput): string =>
  flat(`{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[`);

/** The same text in one piece: joined strings are copied piece by piece each time they are written. */
const flat = (text: string): string => Buffer.from(text).toString();
