/** The names in a ModelInferResponse, as fields in protobuf. */

import { KnownAnswers, type NamedModel, type NamedOutput } from '../../v2/known-answers.ts';
import { lengthFieldSize, textFieldSize, writeTextField } from '../wire/writer.ts';

export interface AnswerNames {
  /** The fields `model_name` and `model_version`. */
  readonly model: Uint8Array;
  /** Of each output the fields `name` and `datatype` of its InferOutputTensor. */
  readonly outputs: readonly Uint8Array[];
}

/** Of all gRPC frontends of this thread. */
const known = new KnownAnswers<AnswerNames>((model, outputs) => ({
  model: modelFields(model),
  outputs: outputs.map(outputFields),
}));

/** @param outputs as in `KnownAnswers`. */
export const answerNames = (model: NamedModel, outputs: readonly NamedOutput[]): AnswerNames =>
  known.of(model, outputs);

function modelFields({ modelName, modelVersion }: NamedModel): Uint8Array {
  const fields = Buffer.alloc(textFieldSize(modelName) + textFieldSize(modelVersion));
  writeTextField(fields, writeTextField(fields, 0, 0x0a, modelName), 0x12, modelVersion);
  return fields;
}

function outputFields({ name, datatype }: NamedOutput): Uint8Array {
  const fields = Buffer.alloc(textFieldSize(name) + lengthFieldSize(datatype.length));
  writeTextField(fields, writeTextField(fields, 0, 0x0a, name), 0x12, datatype);
  return fields;
}
