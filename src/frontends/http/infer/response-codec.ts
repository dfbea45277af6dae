/**
 * Encodes an `InferenceResponse` as the body of an answer: JSON in pieces of bounded size and cost, which the writer
 * pulls one by one, and binary outputs as views. `call.ts` writes and releases.
 */

import type { ParameterValue } from '../../../inference/request.ts';
import type { InferenceResponse, OutputTensor } from '../../../inference/response.ts';
import type { Datatype } from '../../../tensor/datatype.ts';
import type { Shape } from '../../../tensor/shape.ts';
import { hostBytes, tensorBytes } from '../../../tensor/tensor-bytes.ts';
import { classify, isLongClassification } from '../../v2/classification.ts';
import type { NamedOutput } from '../../v2/known-answers.ts';
import { type AnswerTexts, answerTexts } from './answer-texts.ts';
import type { DecodedInfer } from './request-codec.ts';
import { JsonBytes } from '../json/text-bytes.ts';
import { type TensorRuns, tensorRuns } from '../json/tensor-text.ts';

/** Pieces are collected up to this. */
const pieceBytes = 64 * 1024;

/** Outputs of at most this many bytes are written in one piece. */
const smallBytes = 32 * 1024;

/** Shared by all answers of the thread: each uses it within one turn of the event loop. */
const shared = new JsonBytes(2 * pieceBytes);

export class InferAnswer {
  /** In the order of the outputs; views on the response, valid until its release. Complete when the JSON is. */
  readonly binary: Uint8Array[] = [];
  binaryBytes = 0;
  readonly #response: InferenceResponse;
  readonly #decoded: DecodedInfer;
  readonly #hasListed: boolean;
  readonly #texts: AnswerTexts;
  #output = -1;
  #runs: TensorRuns | null = null;
  /** The current piece has a classification that takes a turn of its own. */
  #hasClassified = false;

  constructor(response: InferenceResponse, decoded: DecodedInfer) {
    this.#response = response;
    this.#decoded = decoded;
    this.#hasListed = decoded.request.outputs.length > 0;
    this.#texts = answerTexts(response, sentOutputs(response.outputs));
  }

  /** Whether the whole JSON can be made in one turn of the event loop. */
  get isSmall(): boolean {
    let bytes = 0;
    for (const output of this.#response.outputs) {
      if (isLongClassification(output)) return false;
      if (!this.#isBinary(output.name)) bytes += output.data.length;
    }
    return bytes <= smallBytes;
  }

  /** Bytes of all outputs together, as the engine made them. */
  get outputBytes(): number {
    return tensorBytes(this.#response.outputs);
  }

  /**
   * Whether the body is JSON alone whose pieces cannot fail, so that it may be sent while it is made. Binary outputs
   * need the length of the JSON before the first byte.
   */
  get isStreamable(): boolean {
    return this.#response.outputs.every(
      ({ name, classificationCount }) => classificationCount === 0 && !this.#isBinary(name),
    );
  }

  /**
   * All of the JSON at once.
   *
   * @throws InferenceError `invalid_argument` for outputs that cannot be written in the wanted form.
   */
  text(): string {
    shared.clear();
    while (this.#write(shared));
    return shared.wholeText();
  }

  /** All of the JSON is made. */
  get isMade(): boolean {
    return this.#output > this.#response.outputs.length;
  }

  /**
   * The next piece of the JSON, or null at its end. A piece takes a millisecond or two.
   *
   * @throws InferenceError as `text`.
   */
  piece(): Buffer | null {
    if (this.isMade) return null;
    shared.clear();
    this.#hasClassified = false;
    while (this.#write(shared) && shared.length < pieceBytes && !this.#hasClassified);
    return shared.copy();
  }

  /** Writes up to the end of a run of elements; false when the JSON is complete. */
  #write(target: JsonBytes): boolean {
    const runs = this.#runs;
    if (runs !== null) {
      if (runs.next(target)) return true;
      target.text(runs.replaced === 0 ? ']}' : `],"parameters":{"not_utf8":${runs.replaced}}}`);
      this.#runs = null;
    } else if (this.#output === -1) this.#writeHead(target);
    this.#output++;
    const { outputs } = this.#response;
    const output = outputs[this.#output];
    if (output !== undefined) {
      this.#writeOutput(target, output);
      return true;
    }
    target.text(']}');
    this.#output = outputs.length + 1;
    return false;
  }

  #writeHead(target: JsonBytes): void {
    const { id, parameters } = this.#response;
    target.text(id === '' ? '{' : `{"id":${JSON.stringify(id)},`);
    target.text(this.#texts.model);
    if (parameters.size > 0) target.text(`,"parameters":${parametersText(parameters)}`);
    target.text(',"outputs":[');
  }

  #writeOutput(target: JsonBytes, output: OutputTensor): void {
    let datatype: Datatype = output.datatype;
    let shape: Shape = output.shape;
    let data: Uint8Array;
    if (output.classificationCount > 0) {
      datatype = 'BYTES';
      this.#hasClassified ||= isLongClassification(output);
      ({ shape, data } = classify(output, this.#response.isBatched));
    } else {
      data = hostBytes(output.data);
    }
    if (this.#output > 0) target.text(',');
    target.text(this.#texts.outputs[this.#output] as string);
    for (let i = 0; i < shape.length; i++) target.text(i === 0 ? `${shape[i]}` : `,${shape[i]}`);
    if (this.#isBinary(output.name)) {
      target.text(`],"parameters":{"binary_data_size":${data.length}}}`);
      this.binary.push(data);
      this.binaryBytes += data.length;
    } else {
      target.text('],"data":[');
      this.#runs = tensorRuns(datatype, data);
    }
  }

  /** Bytes of the JSON in UTF-8. @param json the result of `text`. */
  jsonBytes(json: string): number {
    const { id, parameters, outputs } = this.#response;
    const isAscii = this.#texts.isAscii && id === '' && parameters.size === 0 && this.binary.length === outputs.length;
    return isAscii ? json.length : Buffer.byteLength(json);
  }

  #isBinary(name: string): boolean {
    return this.#hasListed ? this.#decoded.binaryNames.has(name) : this.#decoded.isBinaryByDefault;
  }
}

/** With the datatype that classified outputs have in the answer. */
function sentOutputs(outputs: readonly OutputTensor[]): readonly NamedOutput[] {
  if (outputs.every(({ classificationCount }) => classificationCount === 0)) return outputs;
  return outputs.map(({ name, datatype, classificationCount }) => ({
    name,
    datatype: classificationCount === 0 ? datatype : 'BYTES',
  }));
}

function parametersText(parameters: ReadonlyMap<string, ParameterValue>): string {
  const members: string[] = [];
  for (const [key, value] of parameters) {
    members.push(`${JSON.stringify(key)}:${typeof value === 'string' ? JSON.stringify(value) : String(value)}`);
  }
  return `{${members.join()}}`;
}
