/**
 * Rules of ensembles that can be judged without the composing models. This version has no
 * ensembles, but faults of one are reported first.
 */

import { quoted, shownText } from '../../shown-text.ts';
import type { Findings } from '../findings.ts';
import { ensemblePlatform, isEnsemble } from '../platforms.ts';
import type { ConfigMessage, ModelEnsembling } from '../schema/config-message.ts';

export function checkEnsemble(message: ConfigMessage, findings: Findings): void {
  if (!isEnsemble(message)) return;
  const { name: model = '', platform, backend = '', ensemble_scheduling: scheduling } = message;
  if (platform !== ensemblePlatform) {
    const text = `ensemble scheduling cannot be set for model ${quoted(model)} whose platform is not ensemble`;
    findings.refuse(text, message, 'ensemble_scheduling');
  } else if (backend !== '') {
    const text = `Ensemble model ${quoted(model)} must have platform type 'ensemble' and empty backend type`;
    findings.refuse(text, message, 'backend');
  }
  if (scheduling === undefined) {
    const text = `ensemble scheduling must be set for ensemble ${model} whose platform is ensemble`;
    findings.refuse(text, message, 'platform');
  }
  if ((message.instance_group ?? []).length > 0) {
    findings.refuse(`instance group should not be specified for ensemble ${quoted(model)}`, message, 'instance_group');
  }
  if (message.optimization !== undefined) {
    findings.refuse(`optimization should not be specified for ensemble ${quoted(model)}`, message, 'optimization');
  }
  if ((message.model_warmup ?? []).length > 0) {
    findings.refuse(`model_warmup can not be specified for ensemble ${quoted(model)}`, message, 'model_warmup');
  }
  if (scheduling !== undefined) checkSteps(message, scheduling, findings);
  const text = `model ${quoted(model)}: ensembles (ensemble_scheduling) are not supported by this version`;
  findings.leaveOut(text, message, scheduling === undefined ? 'platform' : 'ensemble_scheduling');
}

function checkSteps(message: ConfigMessage, scheduling: ModelEnsembling, findings: Findings): void {
  const model = message.name ?? '';
  const steps = scheduling.step ?? [];
  if (steps.length === 0) findings.refuse(`must specify 'step' for ensemble ${quoted(model)}`, scheduling);
  const written = new Set(namesOf(message.input));
  const read = new Set<string>();
  for (const [index, step] of steps.entries()) {
    const { model_name: name = '', input_map: inputs = {}, output_map: outputs = {} } = step;
    const tensors = Object.values(outputs);
    if (name === '') findings.refuse(`must specify 'model_name' in step ${index} of ensemble ${quoted(model)}`, step);
    if (Object.keys(inputs).length === 0) {
      findings.refuse(`must specify 'input_map' in step ${index} of ensemble ${quoted(model)}`, step);
    }
    if (tensors.length === 0) {
      findings.refuse(`must specify 'output_map' in step ${index} of ensemble ${quoted(model)}`, step);
    }
    for (const tensor of Object.values(inputs)) read.add(tensor);
    for (const tensor of tensors) {
      if (written.has(tensor)) {
        const text = `ensemble tensor ${quoted(tensor)} can appear in an output map only once for ensemble ${quoted(model)} step ${index}`;
        findings.refuse(text, step, 'output_map');
      }
      written.add(tensor);
    }
  }
  if (steps.length > 0) checkUse(message, written, read, findings);
}

const namesOf = (tensors: ConfigMessage['input'] | ConfigMessage['output']): readonly string[] =>
  tensors?.map(({ name = '' }) => name) ?? [];

function checkUse(
  message: ConfigMessage,
  written: ReadonlySet<string>,
  read: ReadonlySet<string>,
  findings: Findings,
): void {
  const model = message.name ?? '';
  const inputs = new Set(namesOf(message.input));
  const outputs = new Set(namesOf(message.output));
  // The unbalanced quotes are Triton's.
  for (const input of inputs) {
    if (!read.has(input))
      findings.refuse(
        `ensemble input ${quoted(input)} for ensemble ${shownText(model)}' is not used`,
        message,
        'input',
      );
  }
  for (const output of outputs) {
    if (written.has(output)) continue;
    findings.refuse(
      `ensemble output ${quoted(output)} for ensemble ${shownText(model)}' is not used`,
      message,
      'output',
    );
  }
  for (const tensor of written) {
    if (read.has(tensor) || outputs.has(tensor) || inputs.has(tensor)) continue;
    findings.refuse(
      `ensemble tensor ${quoted(tensor)} is unused in ensemble ${quoted(model)}`,
      message,
      'ensemble_scheduling',
    );
  }
  const unwritten = [...read].find((tensor) => !written.has(tensor));
  if (unwritten === undefined) return;
  for (const output of outputs) {
    const text = `output ${quoted(output)} for ensemble ${quoted(model)} is not written: at least one of its depending tensors, ${quoted(unwritten)}, is not connected`;
    findings.refuse(text, message, 'output');
  }
}
