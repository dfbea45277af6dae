/**
 * Rules of ensembles that can be judged without the composing models. This version has no
 * ensembles, but faults of one are reported first.
 */

import type { Findings } from '../findings.ts';
import { has, messageOf, messagesOf, textMapOf, textOf } from '../schema/message-fields.ts';
import type { ConfigMessage } from '../model-config.ts';

export const ensemblePlatform = 'ensemble';

export const isEnsemble = (message: ConfigMessage): boolean =>
  textOf(message, 'platform') === ensemblePlatform || has(message, 'ensemble_scheduling');

export function checkEnsemble(message: ConfigMessage, findings: Findings): void {
  if (!isEnsemble(message)) return;
  const model = textOf(message, 'name');
  const { invalid } = findings;
  const scheduling = messageOf(message, 'ensemble_scheduling');
  if (textOf(message, 'platform') !== ensemblePlatform) {
    invalid.push(`ensemble scheduling cannot be set for model '${model}' whose platform is not ensemble`);
  } else if (textOf(message, 'backend') !== '') {
    invalid.push(`Ensemble model '${model}' must have platform type 'ensemble' and empty backend type`);
  }
  if (scheduling === null) {
    invalid.push(`ensemble scheduling must be set for ensemble ${model} whose platform is ensemble`);
  }
  if (messagesOf(message, 'instance_group').length > 0) {
    invalid.push(`instance group should not be specified for ensemble '${model}'`);
  }
  if (has(message, 'optimization')) invalid.push(`optimization should not be specified for ensemble '${model}'`);
  if (messagesOf(message, 'model_warmup').length > 0) {
    invalid.push(`model_warmup can not be specified for ensemble '${model}'`);
  }
  if (scheduling !== null) checkSteps(model, message, messagesOf(scheduling, 'step'), invalid);
  findings.leftOut.push(`model '${model}': ensembles (ensemble_scheduling) are not supported by this version`);
}

function checkSteps(model: string, message: ConfigMessage, steps: readonly ConfigMessage[], invalid: string[]): void {
  if (steps.length === 0) invalid.push(`must specify 'step' for ensemble '${model}'`);
  const written = new Set(messagesOf(message, 'input').map((tensor) => textOf(tensor, 'name')));
  const read = new Set<string>();
  for (const [index, step] of steps.entries()) {
    const inputs = textMapOf(step, 'input_map');
    const outputs = textMapOf(step, 'output_map');
    if (textOf(step, 'model_name') === '') {
      invalid.push(`must specify 'model_name' in step ${index} of ensemble '${model}'`);
    }
    if (inputs.size === 0) invalid.push(`must specify 'input_map' in step ${index} of ensemble '${model}'`);
    if (outputs.size === 0) invalid.push(`must specify 'output_map' in step ${index} of ensemble '${model}'`);
    for (const tensor of inputs.values()) read.add(tensor);
    for (const tensor of outputs.values()) {
      if (written.has(tensor)) {
        invalid.push(
          `ensemble tensor '${tensor}' can appear in an output map only once for ensemble '${model}' step ${index}`,
        );
      }
      written.add(tensor);
    }
  }
  if (steps.length > 0) checkUse(model, message, written, read, invalid);
}

function checkUse(
  model: string,
  message: ConfigMessage,
  written: ReadonlySet<string>,
  read: ReadonlySet<string>,
  invalid: string[],
): void {
  const names = (side: string): readonly string[] => messagesOf(message, side).map((tensor) => textOf(tensor, 'name'));
  const inputs = new Set(names('input'));
  const outputs = new Set(names('output'));
  // The unbalanced quotes are Triton's.
  for (const input of inputs) {
    if (!read.has(input)) invalid.push(`ensemble input '${input}' for ensemble ${model}' is not used`);
  }
  for (const output of outputs) {
    if (!written.has(output)) invalid.push(`ensemble output '${output}' for ensemble ${model}' is not used`);
  }
  for (const tensor of written) {
    if (!read.has(tensor) && !outputs.has(tensor) && !inputs.has(tensor)) {
      invalid.push(`ensemble tensor '${tensor}' is unused in ensemble '${model}'`);
    }
  }
  const unwritten = [...read].find((tensor) => !written.has(tensor));
  if (unwritten === undefined) return;
  for (const output of outputs) {
    invalid.push(
      `output '${output}' for ensemble '${model}' is not written: at least one of its depending tensors, '${unwritten}', is not connected`,
    );
  }
}
