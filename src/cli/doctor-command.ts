/**
 * `nereid doctor`: shows the cores, devices and runtime of this machine, checks that each device computes, and says how to
 * install missing parts.
 */

import { checkDevices, type DeviceCheck } from '../engine/device-check.ts';
import type { DeviceMemory, DriverDescription } from '../engine/driver.ts';
import { type CudaDevice, type Device, deviceText, type Engine, type EngineDescription } from '../engine/engine.ts';
import { missingPieces } from '../runtimes/missing-pieces.ts';
import type { FoundRuntime } from '../runtimes/open-engine.ts';
import { defaultLockPath, readRuntimeLock } from '../runtimes/runtime-lock.ts';
import type { Clock } from '../time.ts';
import { columns, wrap } from './table.ts';
import { noOperands, parseToolArguments } from './tool-arguments.ts';

/** Facts that are known without an engine. */
interface HostFacts {
  /** The version of this server. */
  readonly version: string;
  /** `process.version`, e.g. `v20.20.2`. */
  readonly nodeVersion: string;
  readonly platform: string;
}

/** The machine, as doctor asks it. */
export interface DoctorSurroundings {
  readonly cwd: string;
  /** Writes the answer: text with line ends. */
  write(text: string): void;
  /** Throws when what was named does not exist, or when nothing is there. */
  findRuntime(libraryPath: string | null, cudaLibraryPaths: readonly string[]): FoundRuntime;
  /** Throws with a sentence when the runtime cannot be used. */
  openRuntime(runtime: FoundRuntime): Engine;
  /** Throws when the addon is not built. */
  describeDriver(): DriverDescription;
  /** By the UUID of a GPU; null where it is not told. */
  readDeviceMemory(uuid: string): DeviceMemory | null;
  readonly clock: Clock;
}

/** A GPU of this machine. `freeBytes` was read before the check; null where it is not told. */
interface ExaminedDevice extends CudaDevice {
  readonly freeBytes: number | null;
}

interface Examination {
  readonly description: EngineDescription | null;
  readonly devices: readonly ExaminedDevice[];
  /** Why there is no engine; null when there is one. */
  readonly engineProblem: string | null;
  readonly runtime: FoundRuntime | null;
  readonly driver: DriverDescription | null;
  /** What is missing for the GPU, one sentence each. */
  readonly missing: readonly string[];
  /** Of the CPU, and of each GPU where GPUs are usable; empty without an engine. */
  readonly checks: readonly DeviceCheck[];
}

async function examine(
  surroundings: DoctorSurroundings,
  libraryPath: string | null,
  cudaLibraryPaths: readonly string[],
): Promise<Examination> {
  try {
    const runtime = surroundings.findRuntime(libraryPath, cudaLibraryPaths);
    const engine = surroundings.openRuntime(runtime);
    const description = engine.describe();
    const driver = surroundings.describeDriver();
    const missing = gpuPieces(driver, description, runtime);
    const devices = engine.cudaDevices().map((device) => {
      const freeBytes = surroundings.readDeviceMemory(device.uuid)?.freeBytes ?? null;
      return { ...device, freeBytes };
    });
    const usable = description.cudaProblem === null ? devices : [];
    const checked: Device[] = [{ kind: 'cpu' }, ...usable.map(({ ordinal }) => ({ kind: 'cuda', ordinal }) as const)];
    const checks = await checkDevices(engine, checked, surroundings.clock);
    return { description, devices, engineProblem: null, runtime, driver, missing, checks };
  } catch (error) {
    const engineProblem = error instanceof Error ? error.message : String(error);
    return { description: null, devices: [], engineProblem, runtime: null, driver: null, missing: [], checks: [] };
  }
}

function gpuPieces(
  driver: DriverDescription,
  { cudaProblem, cudaLibraries }: EngineDescription,
  { waiting }: FoundRuntime,
): readonly string[] {
  const ofMachine = missingPieces(driver, readRuntimeLock(defaultLockPath));
  // A runtime that waits for the driver is not missing.
  const ofRuntime = cudaProblem === null || cudaProblem === driver.problem || waiting !== null ? [] : [cudaProblem];
  const closed = cudaLibraries.flatMap(({ wanted, problem }) => (problem === null ? [] : [`${wanted}: ${problem}`]));
  const advice = 'run nereid gpu install, or name its folder with --cuda-library-path';
  return [...ofMachine, ...ofRuntime, ...closed.map((text) => `${text}; ${advice}`)];
}

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** The division of the cores among the instances of a model that sets no thread counts. */
function threadPlan(cores: number): string {
  const threads = (instances: number): number => Math.max(1, Math.floor(cores / instances));
  const two = cores > 1 ? `, two instances run ${threads(2)} each` : '';
  return `one instance runs ${threads(1)} intra-op ${cores === 1 ? 'thread' : 'threads'}${two}`;
}

function deviceRows(devices: readonly ExaminedDevice[]): string {
  const rows = devices.map((device) => [
    `cuda:${device.ordinal}`,
    device.name,
    gibibytes(device.totalBytes) + (device.freeBytes === null ? '' : `, ${gibibytes(device.freeBytes)} free`),
    device.computeCapability > 0 ? `compute capability ${device.computeCapability.toFixed(1)}` : '',
    device.uuid,
  ]);
  return columns(rows, '  ');
}

const piece = (text: string): string =>
  wrap(text, 94)
    .map((line, i) => `  ${i === 0 ? '- ' : '  '}${line}`)
    .join('\n');

function gpuText({ description, devices, missing }: Examination): string {
  const pieces = missing.map(piece);
  if (description?.cudaProblem) return ['GPU: not usable; models run on the CPU', ...pieces].join('\n');
  if (devices.length === 0) return 'GPU: none; models run on the CPU';
  return [`GPU: usable\n${deviceRows(devices)}`, ...pieces].join('\n');
}

function checkText({ checks }: Examination): string {
  const rows = checks.flatMap(({ device, problem }) => {
    const lines = problem === null ? ['right'] : wrap(`FAILED: ${problem}`, 84);
    return lines.map((line, i) => [i === 0 ? deviceText(device) : '', line]);
  });
  const withoutGpu = checks.length === 1 ? '\n  No GPU was checked.' : '';
  return `Check: a product of two matrices, and its known answer\n${columns(rows, '  ')}${withoutGpu}`;
}

/** The files that serve as CUDA's libraries: as they were opened, else as they would be. */
function libraryText({ description, runtime }: Examination): string {
  const opened = description?.cudaLibraries ?? [];
  const files =
    opened.length > 0
      ? opened.map(({ wanted, path }) => path ?? `${wanted} (not opened)`)
      : (runtime?.cudaLibraries ?? []);
  if (files.length === 0) return '';
  const shown = files.map((file) => `  ${file.startsWith('/') ? file : `${file} (in no folder that is looked in)`}`);
  return `\nLibraries of CUDA\n${shown.join('\n')}\n`;
}

function driverText(driver: DriverDescription | null): string {
  if (!driver?.isThere) return 'no NVIDIA driver found';
  const version = driver.version ?? 'of an unknown version';
  return driver.cudaVersion === null ? version : `${version}, for CUDA up to ${driver.cudaVersion}`;
}

const noTextLocale =
  'locale en_US.UTF-8 is missing: models that normalise or split text do not load ' +
  '(Debian: apt-get install locales; localedef -i en_US -f UTF-8 en_US.UTF-8)';

function report(examination: Examination, host: HostFacts): string {
  const { description, engineProblem, runtime, driver } = examination;
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
    ['taken from', runtime?.reason ?? ''],
    ['build', description.buildInfo],
    ['providers', description.providers.join(', ')],
    ['CPU', `${description.cpuCores} ${description.cpuCores === 1 ? 'core' : 'cores'} usable by this process`],
    ['threads', threadPlan(description.cpuCores)],
    ['driver', driverText(driver)],
    ['text models', description.hasTextLocale ? 'locale en_US.UTF-8 is there' : noTextLocale],
  );
  return `${columns(rows)}\n\n${gpuText(examination)}\n${libraryText(examination)}\n${checkText(examination)}\n`;
}

/** The exit code: 1 when no model can be served here, or a device fails its check. A missing GPU is no failure. */
export async function doctorCommand(
  words: readonly string[],
  surroundings: DoctorSurroundings,
  host: HostFacts,
): Promise<number> {
  const { json, libraryPath, cudaLibraryPaths } = parseToolArguments(words, noOperands, surroundings.cwd);
  const examination = await examine(surroundings, libraryPath, cudaLibraryPaths);
  surroundings.write(json ? `${JSON.stringify({ host, ...examination }, null, 2)}\n` : report(examination, host));
  const isWell = examination.engineProblem === null && examination.checks.every(({ problem }) => problem === null);
  return isWell ? 0 : 1;
}
