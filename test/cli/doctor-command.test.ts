import { describe, expect, it } from 'vitest';
import { type DoctorSurroundings, doctorCommand } from '../../src/cli/doctor-command.ts';
import type { DriverDescription } from '../../src/engine/driver.ts';
import {
  type CudaDevice,
  deviceText,
  type EngineDescription,
  type EngineSession,
  type SessionSpec,
} from '../../src/engine/engine.ts';
import { productAnswer } from '../../src/engine/product-model.ts';
import { failedPrecondition, internal, resourceExhausted } from '../../src/errors.ts';
import type { FoundRuntime } from '../../src/runtimes/open-engine.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { type Compute, FakeEngine, FakeSession } from '../fakes/fake-engine.ts';
import { modelSignature } from '../fakes/make-model.ts';

const host = { version: '0.1.0', nodeVersion: 'v20.20.2', platform: 'linux x64' };

const description: EngineDescription = {
  runtimeVersion: '1.30.0',
  runtimePath: '/lib/libonnxruntime.so.1',
  buildInfo: 'ORT Build Info: x',
  providers: ['CPUExecutionProvider'],
  cpuCores: 4,
  cudaProblem: null,
  driverVersion: null,
  cudaLibraries: [],
  hasTextLocale: true,
  plugins: [],
};

const found: FoundRuntime = {
  libraryPath: '/lib/libonnxruntime.so.1',
  reason: 'the npm package onnxruntime-node',
  waiting: null,
  cudaLibraries: [],
};

const h200 = (ordinal: number, over: Partial<CudaDevice> = {}): CudaDevice => ({
  ordinal,
  name: 'H200',
  uuid: `GPU-${ordinal}`,
  computeCapability: 9,
  totalBytes: 139 * 2 ** 30,
  ...over,
});

const answer =
  (numbers: Float32Array): Compute =>
  () => [{ index: 0, datatype: 'FP32', shape: [16, 32], data: new Uint8Array(numbers.buffer) }];

const rightAnswer = answer(productAnswer);

/** The engine of a machine: what each device does with a model; right answers unless given. */
class MachineEngine extends FakeEngine {
  /** By device; an error is thrown when a session is opened there, null hangs. */
  readonly behaviour = new Map<string, Compute | Error | null>();
  changes: Partial<EngineDescription> = {};

  override describe(): EngineDescription {
    return { ...description, ...this.changes };
  }

  override async openSession(spec: SessionSpec): Promise<EngineSession> {
    const does = this.behaviour.get(deviceText(spec.device));
    if (does instanceof Error) throw does;
    const compute = does ?? rightAnswer;
    const session = new FakeSession(modelSignature([], []), spec, does === null ? 'manual' : 'inline', compute);
    this.sessions.push(session);
    return session;
  }
}

interface MachineParts {
  readonly description?: Partial<EngineDescription>;
  readonly devices?: readonly CudaDevice[];
  readonly runtime?: Partial<FoundRuntime>;
  readonly driver?: Partial<DriverDescription>;
  readonly behaviour?: Readonly<Record<string, Compute | Error | null>>;
  readonly freeBytes?: number;
}

function machine({
  description: changes = {},
  devices = [],
  runtime,
  driver,
  behaviour,
  freeBytes,
}: MachineParts = {}) {
  const output: string[] = [];
  const engine = new MachineEngine();
  engine.changes = changes;
  engine.devices = devices;
  for (const [device, does] of Object.entries(behaviour ?? {})) engine.behaviour.set(device, does);
  const clock = new FakeClock();
  const searches: string[] = [];
  const surroundings: DoctorSurroundings = {
    cwd: '/',
    write: (text) => void output.push(text),
    findRuntime: (libraryPath) => {
      searches.push(libraryPath ?? '');
      return { ...found, ...runtime };
    },
    openRuntime: () => engine,
    describeDriver: () => ({
      isThere: true,
      version: '600.1',
      cudaVersion: '13.1',
      problem: null,
      devices: [],
      ...driver,
    }),
    readDeviceMemory: () => (freeBytes === undefined ? null : { totalBytes: 0, freeBytes }),
    clock,
  };
  return { surroundings, engine, clock, searches, text: () => output.join('') };
}

describe('doctor', () => {
  it('shows runtime, providers, cores and the thread plan', async () => {
    const { surroundings, text, searches } = machine();
    expect(await doctorCommand([], surroundings, host)).toBe(0);
    expect(text()).toContain('ONNX Runtime  1.30.0');
    expect(text()).toContain('one instance runs 4 intra-op threads, two instances run 2 each');
    expect(text()).toContain('GPU: none; models run on the CPU');
    expect(searches).toHaveLength(1);
  });

  it('says when the locale is missing that models of text need', async () => {
    const { surroundings, text } = machine({ description: { hasTextLocale: false } });
    expect(await doctorCommand([], surroundings, host)).toBe(0);
    expect(text()).toContain('text models   locale en_US.UTF-8 is missing');
  });

  it('names each missing part for the GPU and succeeds without', async () => {
    const cudaProblem = 'ONNX Runtime 1.30.0 was built without CUDA; run nereid gpu install';
    const problem = 'the NVIDIA driver is not installed';
    const driver = { isThere: false, version: null, problem };
    const { surroundings, text } = machine({ description: { cudaProblem }, driver });
    expect(await doctorCommand([], surroundings, host)).toBe(0);
    expect(text()).toContain(`GPU: not usable; models run on the CPU\n  - ${problem}\n  - ${cudaProblem}\n`);
    expect(text()).toContain('driver        no NVIDIA driver found');
  });

  it('does not call a runtime missing that waits for the driver', async () => {
    const runtime = { waiting: '1.31.1-cuda13', reason: 'the npm package: 1.31.1-cuda13 is installed' };
    const driver = { isThere: false, version: null, problem: 'there is no driver' };
    const { surroundings, text } = machine({ description: { cudaProblem: 'built without CUDA' }, driver, runtime });
    await doctorCommand([], surroundings, host);
    expect(text()).toContain('taken from    the npm package: 1.31.1-cuda13 is installed');
    expect(text()).toContain('  - there is no driver\n');
    expect(text()).not.toContain('built without CUDA');
  });

  it('shows which file serves as which library of CUDA, and one that does not open', async () => {
    const cudaLibraries = [
      { wanted: '/cuda/libcublas.so.13', path: '/cuda/libcublas.so.13', problem: null },
      { wanted: 'libcudnn.so.9', path: null, problem: 'no such file' },
    ];
    const { surroundings, text } = machine({ description: { cudaLibraries } });
    await doctorCommand([], surroundings, host);
    expect(text()).toContain('Libraries of CUDA\n  /cuda/libcublas.so.13\n  libcudnn.so.9 (not opened)');
  });

  it('lists the devices with their memory, and the driver with the CUDA that it runs', async () => {
    const { surroundings, text } = machine({ devices: [h200(0)], freeBytes: 100 * 2 ** 30 });
    await doctorCommand([], surroundings, host);
    expect(text()).toContain('GPU: usable\n  cuda:0  H200  139.0 GiB, 100.0 GiB free  compute capability 9.0  GPU-0');
    expect(text()).toContain('driver        600.1, for CUDA up to 13.1');
  });

  it('leaves out the free memory that the driver does not tell', async () => {
    const { surroundings, text } = machine({ devices: [h200(0)] });
    await doctorCommand([], surroundings, host);
    expect(text()).toContain('H200  139.0 GiB  compute capability 9.0');
  });

  it('fails with the reason when no model can be served', async () => {
    const { surroundings, text } = machine();
    const broken: DoctorSurroundings = {
      ...surroundings,
      openRuntime: () => {
        throw failedPrecondition('the addon is not built: run npm run build:native');
      },
    };
    expect(await doctorCommand([], broken, host)).toBe(1);
    expect(text()).toContain('Engine: not usable; no model can be served\n  the addon is not built');
  });

  it('prints JSON', async () => {
    const { surroundings, text } = machine({ devices: [h200(0)], freeBytes: 5 });
    await doctorCommand(['--json'], surroundings, host);
    expect(JSON.parse(text())).toMatchObject({
      host,
      description: { cpuCores: 4 },
      devices: [{ ordinal: 0, freeBytes: 5 }],
      engineProblem: null,
      checks: [
        { device: { kind: 'cpu' }, problem: null },
        { device: { kind: 'cuda', ordinal: 0 }, problem: null },
      ],
    });
  });
});

describe('the check of doctor', () => {
  it('is made on the CPU alone where no GPU is usable, and that is said', async () => {
    const parts = { devices: [h200(0)], description: { cudaProblem: 'built without CUDA' } };
    const { surroundings, engine, text } = machine(parts);
    expect(await doctorCommand([], surroundings, host)).toBe(0);
    expect(text()).toContain('known answer\n  cpu  right\n  No GPU was checked.\n');
    expect(engine.sessions.map(({ spec }) => deviceText(spec.device))).toEqual(['cpu']);
  });

  it('is made on each GPU, which may not leave it to the CPU', async () => {
    const { surroundings, engine, text } = machine({ devices: [h200(0), h200(1)] });
    expect(await doctorCommand([], surroundings, host)).toBe(0);
    expect(text()).toContain('known answer\n  cpu     right\n  cuda:0  right\n  cuda:1  right\n');
    expect(engine.sessions.every(({ spec, isClosed }) => spec.requireDevice && isClosed)).toBe(true);
    expect(engine.sessions.every(({ instances }) => instances.every(({ isClosed }) => isClosed))).toBe(true);
  });

  it('fails for wrong numbers, and says how many and which', async () => {
    const wrong = Float32Array.from(productAnswer, (value, i) => (i === 3 || i === 5 ? value + 0.5 : value));
    const { surroundings, text } = machine({ devices: [h200(0)], behaviour: { 'cuda:0': answer(wrong) } });
    expect(await doctorCommand([], surroundings, host)).toBe(1);
    const known = productAnswer[3];
    expect(text()).toContain(
      `cuda:0  FAILED: 2 of 512 numbers are wrong: the first is ${known + 0.5}, ${known} was expected`,
    );
  });

  it('fails for numbers that are none, and for an answer of another size', async () => {
    const behaviour = {
      'cuda:0': answer(Float32Array.from(productAnswer, () => Number.NaN)),
      'cuda:1': answer(new Float32Array(3)),
    };
    const { surroundings, text } = machine({ devices: [h200(0), h200(1)], behaviour });
    expect(await doctorCommand([], surroundings, host)).toBe(1);
    expect(text()).toContain('cuda:0  FAILED: 512 of 512 numbers are wrong: the first is NaN');
    expect(text()).toContain('cuda:1  FAILED: the answer has 12 bytes, 2048 were expected');
  });

  it('fails for a GPU that is too old, full, or refuses the model, and goes on with the next', async () => {
    const behaviour = {
      'cuda:0': () => {
        throw internal('CUDA failure 209: no kernel image is available for execution on the device');
      },
      'cuda:1': resourceExhausted('Failed to allocate memory for requested buffer of size 8192'),
      'cuda:2': failedPrecondition('ONNX Runtime refuses the CUDA provider'),
    };
    const old = h200(0, { name: 'GTX 1080', computeCapability: 6.1 });
    const devices = [old, h200(1), h200(2), h200(3)];
    const { surroundings, text } = machine({ devices, behaviour, driver: { devices } });
    expect(await doctorCommand([], surroundings, host)).toBe(1);
    expect(text()).toContain('- GPU 0 is too old: GTX 1080 has compute capability 6.1');
    expect(text()).toContain('cuda:0  FAILED: CUDA failure 209: no kernel image is available');
    expect(text()).toContain('cuda:1  FAILED: Failed to allocate memory');
    expect(text()).toContain('cuda:2  FAILED: ONNX Runtime refuses the CUDA provider');
    expect(text()).toContain('cuda:3  right');
  });

  it('ends when a device never answers', async () => {
    const { surroundings, clock, engine, text } = machine({ devices: [h200(0)], behaviour: { 'cuda:0': null } });
    const ended = doctorCommand([], surroundings, host);
    await expect.poll(() => engine.sessions[1]?.instances[0]?.running ?? null).not.toBeNull();
    clock.advance(60_000);
    expect(await ended).toBe(1);
    expect(text()).toContain('cuda:0  FAILED: it gives no answer within 60 s');
    expect(clock.waitingCount).toBe(0);
  });

  it('fails when the CPU answers wrongly', async () => {
    const { surroundings, text } = machine({ behaviour: { cpu: answer(new Float32Array(512)) } });
    expect(await doctorCommand([], surroundings, host)).toBe(1);
    expect(text()).toContain('cpu  FAILED: ');
  });
});
