/** `nereid doctor`: shows the cores, devices and runtime of this machine, and how to install missing parts. */

import type { CudaDevice, Engine, EngineDescription } from '../engine/engine.ts';
import type { ToolSurroundings } from './inspect-command.ts';
import { columns, wrap } from './table.ts';
import { parseToolArguments } from './tool-arguments.ts';

/** Facts that are known without an engine. */
interface HostFacts {
  /** The version of this server. */
  readonly version: string;
  /** `process.version`, e.g. `v20.20.2`. */
  readonly nodeVersion: string;
  readonly platform: string;
}

interface Examination {
  readonly description: EngineDescription | null;
  readonly devices: readonly CudaDevice[];
  /** Why there is no engine; null when there is one. */
  readonly engineProblem: string | null;
}

async function examine(surroundings: ToolSurroundings, libraryPath: string | null): Promise<Examination> {
  try {
    const engine: Engine = await surroundings.openEngine(libraryPath);
    return { description: engine.describe(), devices: engine.cudaDevices(), engineProblem: null };
  } catch (error) {
    return { description: null, devices: [], engineProblem: error instanceof Error ? error.message : String(error) };
  }
}

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** The division of the cores among the instances of a model that sets no thread counts. */
function threadPlan(cores: number): string {
  const threads = (instances: number): number => Math.max(1, Math.floor(cores / instances));
  const two = cores > 1 ? `, two instances run ${threads(2)} each` : '';
  return `one instance runs ${threads(1)} intra-op ${cores === 1 ? 'thread' : 'threads'}${two}`;
}

function deviceRows(devices: readonly CudaDevice[]): string {
  const rows = devices.map((device) => [
    `cuda:${device.ordinal}`,
    device.name,
    gibibytes(device.totalBytes),
    device.computeCapability > 0 ? `compute capability ${device.computeCapability.toFixed(1)}` : '',
    device.uuid,
  ]);
  return columns(rows, '  ');
}

function gpuText({ description, devices }: Examination): string {
  if (description?.cudaProblem) {
    const lines = wrap(description.cudaProblem, 96).map((line) => `  ${line}`);
    return ['GPU: not usable; models run on the CPU', ...lines].join('\n');
  }
  return devices.length === 0 ? 'GPU: none; models run on the CPU' : `GPU: usable\n${deviceRows(devices)}`;
}

const noTextLocale =
  'locale en_US.UTF-8 is missing: models that normalise or split text do not load ' +
  '(Debian: apt-get install locales; localedef -i en_US -f UTF-8 en_US.UTF-8)';

function report(examination: Examination, host: HostFacts): string {
  const { description, engineProblem } = examination;
  const rows = [
    ['nereid', host.version],
    ['Node.js', `${host.nodeVersion} (${host.platform})`],
  ];
  if (description === null) {
    const lines = wrap(engineProblem ?? '', 96).map((line) => `  ${line}`);
    return `${columns(rows)}\n\nEngine: not usable; no model can be served\n${lines.join('\n')}\n`;
  }
  rows.push(
    ['ONNX Runtime', description.runtimeVersion],
    ['library', description.runtimePath],
    ['build', description.buildInfo],
    ['providers', description.providers.join(', ')],
    ['CPU', `${description.cpuCores} ${description.cpuCores === 1 ? 'core' : 'cores'} usable by this process`],
    ['threads', threadPlan(description.cpuCores)],
    ['driver', description.driverVersion ?? 'no NVIDIA driver found'],
    ['text models', description.hasTextLocale ? 'locale en_US.UTF-8 is there' : noTextLocale],
  );
  return `${columns(rows)}\n\n${gpuText(examination)}\n`;
}

/** The exit code: 1 when no model can be served here. A missing GPU is no failure. */
export async function doctorCommand(
  words: readonly string[],
  surroundings: ToolSurroundings,
  host: HostFacts,
): Promise<number> {
  const { json, libraryPath } = parseToolArguments(words, { what: 'nothing', min: 0, max: 0 }, surroundings.cwd);
  const examination = await examine(surroundings, libraryPath);
  surroundings.write(json ? `${JSON.stringify({ host, ...examination }, null, 2)}\n` : report(examination, host));
  return examination.engineProblem === null ? 0 : 1;
}
