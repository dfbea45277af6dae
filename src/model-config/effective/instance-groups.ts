/**
 * The instances that a configuration asks for on this machine. Texts and defaults are Triton's, except one: a CPU group
 * without `count` has one instance, not two, because a second copy of every model takes cores from the first.
 */

import type { ConfigSettings } from '../config-settings.ts';
import type { Findings } from '../findings.ts';
import type { InstanceGroupConfig } from '../model-config.ts';
import type { ConfigMessage, ModelInstanceGroup } from '../schema/config-message.ts';
import { newMessage, withFields } from '../schema/message.ts';

/** The most instances per device; no machine runs more at once. */
const mostInstances = 1024;

export interface InstanceGroups {
  readonly groups: readonly InstanceGroupConfig[];
  /** The same groups as the configuration endpoint shows them. */
  readonly messages: readonly ModelInstanceGroup[];
}

export function resolveInstanceGroups(
  message: ConfigMessage,
  settings: ConfigSettings,
  findings: Findings,
): InstanceGroups {
  const { name: model = '', instance_group: written = [] } = message;
  const automatic: ModelInstanceGroup = newMessage({ name: model });
  const groups: InstanceGroupConfig[] = [];
  const messages: ModelInstanceGroup[] = [];
  for (const [index, entry] of (written.length === 0 ? [automatic] : written).entries()) {
    const name = entry.name || `${model}_${index}`;
    const kind = kindOf(entry, settings);
    const subject = `instance group ${name} of model ${model}`;
    checkGroup(subject, model, entry, settings, findings);
    noteIgnored(entry, findings);
    const { gpus: listed = [], passive: isPassive = false } = entry;
    const gpus = kind === 'cpu' ? [] : [...new Set(listed.length > 0 ? listed : settings.gpuOrdinals)];
    const count = Math.max(1, entry.count ?? 0);
    const isDemanded = entry.kind === 'KIND_GPU' || listed.length > 0;
    groups.push({ name, count, kind, gpus, isDemanded, isPassive });
    messages.push(withFields(entry, { name, count, gpus, kind: kind === 'gpu' ? 'KIND_GPU' : 'KIND_CPU' }));
  }
  if (groups.every(({ isPassive }) => isPassive)) {
    const text = `model ${model} has only passive instance groups: no instance would take its requests`;
    findings.refuse(text, message, 'instance_group');
  }
  return { groups, messages };
}

function kindOf({ kind, gpus = [] }: ModelInstanceGroup, { gpuOrdinals }: ConfigSettings): 'cpu' | 'gpu' {
  if (kind === 'KIND_GPU') return 'gpu';
  if (kind === 'KIND_CPU' || kind === 'KIND_MODEL') return 'cpu';
  return gpuOrdinals.length > 0 || gpus.length > 0 ? 'gpu' : 'cpu';
}

function checkGroup(
  subject: string,
  model: string,
  entry: ModelInstanceGroup,
  settings: ConfigSettings,
  findings: Findings,
): void {
  const { kind, gpus = [], count = 0, profile = [], secondary_devices: devices = [], rate_limiter: limiter } = entry;
  if (count < 0 || count > mostInstances) {
    const text = `${subject} has count ${count}: expected 1…${mostInstances} instances per device`;
    findings.refuse(text, entry, 'count');
  }
  if (kindOf(entry, settings) === 'gpu') {
    const blamed = kind === 'KIND_GPU' && gpus.length === 0 ? 'kind' : 'gpus';
    for (const problem of gpuProblems(subject, gpus, settings)) findings.refuse(problem, entry, blamed);
  } else if (gpus.length > 0) {
    findings.refuse(`${subject} has kind ${kind ?? ''} but specifies one or more GPUs`, entry, 'gpus');
  }
  if (kind === 'KIND_MODEL') {
    const text = `${subject} has kind KIND_MODEL, which ONNX models do not have: use KIND_CPU or KIND_GPU`;
    findings.leaveOut(text, entry, 'kind');
  }
  if (profile.length > 0) {
    // The missing blank is Triton's.
    const text = `${subject} and platform onnxruntime_onnxspecifies profile field which is only supported for TensorRT models`;
    findings.refuse(text, entry, 'profile');
  }
  if (devices.length > 0) {
    const text = `${subject} has secondary_devices, which only TensorRT models use`;
    findings.leaveOut(text, entry, 'secondary_devices');
  }
  if ((limiter?.resources ?? []).length > 0) {
    const text = `model '${model}': rate_limiter resources of ${subject} are not supported by this version`;
    findings.leaveOut(text, entry, 'rate_limiter');
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

function noteIgnored(entry: ModelInstanceGroup, findings: Findings): void {
  const { host_policy: hostPolicy = '', rate_limiter: limiter } = entry;
  if (hostPolicy !== '') {
    findings.ignore('instance_group.host_policy: threads are not bound to NUMA nodes', entry, 'host_policy');
  }
  if ((limiter?.priority ?? 0) > 0) {
    findings.ignore('instance_group.rate_limiter.priority: there is no rate limiter', entry, 'rate_limiter');
  }
}
