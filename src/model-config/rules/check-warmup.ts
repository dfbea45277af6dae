/** Rules of `model_warmup`. Files are opened when the model is warmed up. */

import { quoted } from '../../shown-text.ts';
import { datatypeOfConfigName } from '../../tensor/datatype.ts';
import { elementCount, matchesPattern, shapeText } from '../../tensor/shape.ts';
import type { Findings } from '../findings.ts';
import { pathWithin } from '../relative-path.ts';
import type { ConfigMessage, ModelInput, ModelWarmupInput } from '../schema/config-message.ts';
import type { ModelSignature } from '../signature.ts';
import { unexpectedName } from './check-signature.ts';

/** @param message complete: inputs and max_batch_size are filled in */
export function checkWarmup(message: ConfigMessage, signature: ModelSignature, findings: Findings): void {
  const inputs = new Map(message.input?.map((input) => [input.name ?? '', input]));
  const mostRows = Math.max(1, message.max_batch_size ?? 0);
  for (const sample of message.model_warmup ?? []) {
    if (findings.isEnough) return;
    const { name: sampleName = '', batch_size: rows = 0, inputs: given = {} } = sample;
    const subject = `model_warmup sample ${quoted(sampleName)}`;
    if (rows === 0) findings.ignore(`${subject}: its batch_size is 0, which skips it`, sample, 'batch_size');
    if (rows > mostRows) {
      const text = `${subject}: batch_size ${rows} is more than the ${mostRows} rows that a batch may have`;
      findings.refuse(text, sample, 'batch_size');
    }
    for (const [name, entry] of Object.entries(given)) {
      if (findings.isEnough) return;
      const input = inputs.get(name);
      if (input === undefined) {
        findings.refuse(`${subject}: ${unexpectedName('input', name, signature.inputs)}`, given, name);
      } else checkInput(`${subject}: `, name, entry, input, findings);
    }
    for (const [name, input] of inputs) {
      if (rows === 0 || Object.hasOwn(given, name) || input.optional === true) continue;
      findings.refuse(`${subject}: input ${quoted(name)} is missing`, sample, 'inputs');
    }
  }
}

function checkInput(start: string, name: string, entry: ModelWarmupInput, input: ModelInput, findings: Findings): void {
  const refuse = (field: keyof ModelWarmupInput | null, text: string): void =>
    findings.refuse(`${start}${text}`, entry, field);
  const dims = (entry.dims ?? []).map(Number);
  const expected = (input.dims ?? []).map(Number);
  if (dims.includes(-1)) {
    refuse('dims', `warmup setting expects all variable-size dimensions are specified for input ${quoted(name)}`);
  } else if (elementCount(dims) === null) {
    refuse('dims', `the dims ${shapeText(dims)} of input ${quoted(name)} are no shape`);
  } else if (expected.length > 0 && !matchesPattern(dims, expected)) {
    refuse('dims', `the dims ${shapeText(dims)} of input ${quoted(name)} do not fit ${shapeText(expected)}`);
  }
  const { data_type: datatype = '', input_data_file: file } = entry;
  if (datatypeOfConfigName(datatype) === null) refuse('data_type', `input ${quoted(name)} must specify 'data_type'`);
  else if (datatype !== input.data_type) {
    refuse('data_type', `input ${quoted(name)} has data_type ${datatype}, the model ${input.data_type ?? ''}`);
  }
  if (entry.zero_data === undefined && entry.random_data === undefined && file === undefined) {
    refuse(null, `warmup setting expects input ${quoted(name)} to have input_data_type set`);
  }
  if (file !== undefined && pathWithin(file) === null) {
    const text = `file ${quoted(file)} of input ${quoted(name)} must stay within the model's warmup folder`;
    refuse('input_data_file', text);
  }
}
