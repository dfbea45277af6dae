/**
 * The instances that a configuration asks for on this machine. Texts and defaults are Triton's, except one: a CPU group
 * without `count` has one instance, not two, because a second copy of every model takes cores from the first.
 */

import type { ConfigSettings } from '../config-settings.ts';
import type { Findings } from '../findings.ts';
import {
  flagOf,
  listOf,
  messageOf,
  messagesOf,
  newMessage,
  numberOf,
  numbersOf,
  textOf,
  textsOf,
  withFields,
} from '../schema/message-fields.ts';
import type { ConfigMessage, InstanceGroupConfig } from '../model-config.ts';

/** The most instances per device; no machine runs more at once. */
const mostInstances = 1024;

export interface InstanceGroups {
  readonly groups: readonly InstanceGroupConfig[];
  /** The same groups as the configuration endpoint shows them. */
  readonly messages: readonly ConfigMessage[];
}

export function resolveInstanceGroups(
  message: ConfigMessage,
  settings: ConfigSettings,
  findings: Findings,
): InstanceGroups {
  const model = textOf(message, 'name');
  const written = messagesOf(message, 'instance_group');
  const automatic = newMessage({ name: model });
  const groups: InstanceGroupConfig[] = [];
  const messages: ConfigMessage[] = [];
  for (const [index, entry] of (written.length === 0 ? [automatic] : written).entries()) {
    const name = textOf(entry, 'name') || `${model}_${index}`;
    const kind = kindOf(entry, settings);
    const subject = `instance group ${name} of model ${model}`;
    checkGroup(subject, model, entry, settings, findings);
    noteIgnored(entry, findings.ignored);
    const listed = numbersOf(entry, 'gpus');
    const gpus = kind === 'cpu' ? [] : [...new Set(listed.length > 0 ? listed : settings.gpuOrdinals)];
    const count = Math.max(1, numberOf(entry, 'count'));
    const isDemanded = textOf(entry, 'kind') === 'KIND_GPU' || listed.length > 0;
    groups.push({ name, count, kind, gpus, isDemanded, isPassive: flagOf(entry, 'passive') });
    messages.push(withFields(entry, { name, count, gpus, kind: kind === 'gpu' ? 'KIND_GPU' : 'KIND_CPU' }));
  }
  if (groups.every(({ isPassive }) => isPassive)) {
    findings.invalid.push(`model ${model} has only passive instance groups: no instance would take its requests`);
  }
  return { groups, messages };
}

function kindOf(entry: ConfigMessage, { gpuOrdinals }: ConfigSettings): 'cpu' | 'gpu' {
  const kind = textOf(entry, 'kind');
  if (kind === 'KIND_GPU') return 'gpu';
  if (kind === 'KIND_CPU' || kind === 'KIND_MODEL') return 'cpu';
  return gpuOrdinals.length > 0 || listOf(entry, 'gpus').length > 0 ? 'gpu' : 'cpu';
}

function checkGroup(
  subject: string,
  model: string,
  entry: ConfigMessage,
  settings: ConfigSettings,
  { invalid, leftOut }: Findings,
): void {
  const kind = textOf(entry, 'kind');
  const gpus = numbersOf(entry, 'gpus');
  const count = numberOf(entry, 'count');
  if (count < 0 || count > mostInstances) {
    invalid.push(`${subject} has count ${count}: expected 1…${mostInstances} instances per device`);
  }
  if (kindOf(entry, settings) === 'gpu')
    for (const problem of gpuProblems(subject, gpus, settings)) invalid.push(problem);
  else if (gpus.length > 0) invalid.push(`${subject} has kind ${kind} but specifies one or more GPUs`);
  if (kind === 'KIND_MODEL')
    leftOut.push(`${subject} has kind KIND_MODEL, which ONNX models do not have: use KIND_CPU or KIND_GPU`);
  if (textsOf(entry, 'profile').length > 0) {
    // The missing blank is Triton's.
    invalid.push(
      `${subject} and platform onnxruntime_onnxspecifies profile field which is only supported for TensorRT models`,
    );
  }
  if (messagesOf(entry, 'secondary_devices').length > 0) {
    leftOut.push(`${subject} has secondary_devices, which only TensorRT models use`);
  }
  const limiter = messageOf(entry, 'rate_limiter');
  if (limiter !== null && messagesOf(limiter, 'resources').length > 0) {
    leftOut.push(`model '${model}': rate_limiter resources of ${subject} are not supported by this version`);
  }
}

/** Triton's default least compute capability is 6.0, printed as it prints it. */
function gpuProblems(subject: string, gpus: readonly number[], settings: ConfigSettings): readonly string[] {
  if (settings.gpuOrdinals.length === 0) {
    const reason = settings.gpuProblem ? `: ${settings.gpuProblem}` : '';
    return [`${subject} has kind KIND_GPU but no GPUs are available${reason}`];
  }
  return gpus
    .filter((gpu) => !settings.gpuOrdinals.includes(gpu))
    .map(
      (gpu) =>
        `${subject} specifies invalid or unsupported gpu id ${gpu}. GPUs with at least the minimum required CUDA compute compatibility of 6.000000 are: ${settings.gpuOrdinals.join(' ')}`,
    );
}

function noteIgnored(entry: ConfigMessage, ignored: string[]): void {
  if (textOf(entry, 'host_policy') !== '')
    ignored.push('instance_group.host_policy: threads are not bound to NUMA nodes');
  const limiter = messageOf(entry, 'rate_limiter');
  if (limiter !== null && numberOf(limiter, 'priority') > 0) {
    ignored.push('instance_group.rate_limiter.priority: there is no rate limiter');
  }
}
