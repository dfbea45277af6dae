/** Whether a device computes: a small product of matrices runs on it, and must give the known answer. */

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deadlineExceeded, failedPrecondition, internal, toInferenceError } from '../errors.ts';
import { hostBytes } from '../tensor/tensor-bytes.ts';
import type { Clock } from '../time.ts';
import {
  type Device,
  deviceText,
  type Engine,
  type EngineResult,
  type EngineSession,
  type SessionSpec,
} from './engine.ts';
import { plainSession } from './plain-session.ts';
import { productAnswer, productInput, productInputShape, productModel } from './product-model.ts';

export interface DeviceCheck {
  readonly device: Device;
  /** Null when the device gave the right answer, else a sentence. */
  readonly problem: string | null;
}

/** A GPU loads its kernels in seconds; one that hangs never answers. */
const patienceMs = 60_000;

/** Nothing of the check stays on the device. */
const specFor = (path: string, folder: string, device: Device): SessionSpec => ({
  ...plainSession(`check of ${deviceText(device)}`, { path, folder }, device),
  enableMemoryArena: false,
  enableMemoryPattern: false,
});

/** What is wrong with the answer of a run; null when it is the known one. */
function answerProblem({ error, outputs }: EngineResult): string | null {
  if (error !== null) return error.message;
  const [output] = outputs;
  if (output === undefined || output.data.length !== productAnswer.byteLength)
    return `the answer has ${output?.data.length ?? 0} bytes, ${productAnswer.byteLength} were expected`;
  // Copied, because a slab may begin at any byte.
  const answer = new Float32Array(Uint8Array.from(hostBytes(output.data)).buffer);
  const wrong = answer.reduce((count, value, i) => (value === productAnswer[i] ? count : count + 1), 0);
  if (wrong === 0) return null;
  const at = answer.findIndex((value, i) => value !== productAnswer[i]);
  return `${wrong} of ${answer.length} numbers are wrong: the first is ${answer[at]}, ${productAnswer[at]} was expected`;
}

async function runProduct(session: EngineSession): Promise<string | null> {
  const instance = session.createInstance({ name: 'check_0', maxRows: 0 });
  const parts = [new Uint8Array(productInput.buffer)];
  try {
    return await new Promise<string | null>((resolve) => {
      instance.submit({ inputs: [{ index: 0, shape: productInputShape, parts }], outputs: [0] }, (result) => {
        const problem = answerProblem(result);
        result.release();
        resolve(problem);
      });
    });
  } finally {
    await instance.close();
  }
}

async function tryDevice(engine: Engine, spec: SessionSpec): Promise<string | null> {
  const session = await engine.openSession(spec);
  try {
    const where = deviceText(session.device);
    if (where !== deviceText(spec.device)) throw internal(`it was opened on ${where}`);
    return await runProduct(session);
  } finally {
    await session.close();
  }
}

/** Rejects when `work` takes longer than a GPU needs at its slowest. */
function withinPatience<T>(clock: Clock, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(deadlineExceeded(`it gives no answer within ${patienceMs / 1000} s`));
    const cancel = clock.schedule(clock.now() + patienceMs, late);
    void work.then(resolve, reject).finally(cancel);
  });
}

/** A folder of its own for the model; throws `failed_precondition` where no file can be written. */
function writeModel(): string {
  try {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'nereid-check-')));
    writeFileSync(join(folder, 'product.onnx'), productModel());
    return folder;
  } catch (error) {
    const reason = toInferenceError(error).message;
    throw failedPrecondition(
      `its model cannot be written (${reason}); TMPDIR names a folder for temporary files`,
      error,
    );
  }
}

/**
 * Checks each device alone, one after the other. What is wrong with one, whatever it is, is said in its check; the
 * session and the memory of each are given back before the next one, but for a device that does not answer.
 */
export async function checkDevices(
  engine: Engine,
  devices: readonly Device[],
  clock: Clock,
): Promise<readonly DeviceCheck[]> {
  let folder: string;
  try {
    folder = writeModel();
  } catch (error) {
    return devices.map((device) => ({ device, problem: toInferenceError(error).message }));
  }
  const checks: DeviceCheck[] = [];
  try {
    for (const device of devices) {
      const spec = specFor(join(folder, 'product.onnx'), folder, device);
      const problem = await withinPatience(clock, tryDevice(engine, spec)).catch(
        (error: unknown) => toInferenceError(error).message,
      );
      checks.push({ device, problem });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return checks;
}
