/** Rules of `model_warmup`. Files are opened when the model is warmed up. */

import { datatypeOfConfigName } from '../../tensor/datatype.ts';
import { elementCount, matchesPattern, shapeText } from '../../tensor/shape.ts';
import { unexpectedName } from './check-signature.ts';
import { type Findings, isEnough } from '../findings.ts';
import { flagOf, has, messageMapOf, messagesOf, numberOf, numbersOf, textOf } from '../schema/message-fields.ts';
import type { ConfigMessage } from '../model-config.ts';
import { pathWithin } from '../relative-path.ts';
import type { ModelSignature } from '../signature.ts';

const sources = ['zero_data', 'random_data', 'input_data_file'] as const;

/** @param message complete: inputs and max_batch_size are filled in */
export function checkWarmup(message: ConfigMessage, signature: ModelSignature, findings: Findings): void {
  const inputs = new Map(messagesOf(message, 'input').map((input) => [textOf(input, 'name'), input]));
  const mostRows = Math.max(1, numberOf(message, 'max_batch_size'));
  for (const sample of messagesOf(message, 'model_warmup')) {
    if (isEnough(findings.invalid)) return;
    const subject = `model_warmup sample '${textOf(sample, 'name')}'`;
    const problem = (text: string): number => findings.invalid.push(`${subject}: ${text}`);
    const rows = numberOf(sample, 'batch_size');
    if (rows === 0) findings.ignored.push(`${subject}: its batch_size is 0, which skips it`);
    if (rows > mostRows) problem(`batch_size ${rows} is more than the ${mostRows} rows that a batch may have`);
    const given = messageMapOf(sample, 'inputs');
    for (const [name, entry] of given) {
      if (isEnough(findings.invalid)) return;
      const input = inputs.get(name);
      if (input === undefined) problem(unexpectedName('input', name, signature.inputs));
      else for (const text of entryProblems(name, entry, input)) problem(text);
    }
    for (const [name, input] of inputs) {
      if (rows > 0 && !given.has(name) && !flagOf(input, 'optional')) problem(`input '${name}' is missing`);
    }
  }
}

function* entryProblems(name: string, entry: ConfigMessage, input: ConfigMessage): Generator<string> {
  const dims = numbersOf(entry, 'dims');
  const expected = numbersOf(input, 'dims');
  if (dims.includes(-1)) {
    yield `warmup setting expects all variable-size dimensions are specified for input '${name}'`;
  } else if (elementCount(dims) === null) {
    yield `the dims ${shapeText(dims)} of input '${name}' are no shape`;
  } else if (expected.length > 0 && !matchesPattern(dims, expected)) {
    yield `the dims ${shapeText(dims)} of input '${name}' do not fit ${shapeText(expected)}`;
  }
  const datatype = textOf(entry, 'data_type');
  if (datatypeOfConfigName(datatype) === null) yield `input '${name}' must specify 'data_type'`;
  else if (datatype !== textOf(input, 'data_type')) {
    yield `input '${name}' has data_type ${datatype}, the model ${textOf(input, 'data_type')}`;
  }
  if (!sources.some((source) => has(entry, source))) {
    yield `warmup setting expects input '${name}' to have input_data_type set`;
  }
  const file = textOf(entry, 'input_data_file');
  if (has(entry, 'input_data_file') && pathWithin(file) === null) {
    yield `file '${file.slice(0, 256)}' of input '${name}' must stay within the model's warmup folder`;
  }
}
