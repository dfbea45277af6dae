/**
 * The session of a small model on the CPU, opened before its configuration is complete. A session tells the signature
 * as well, so that the model needs no other one to be inspected: that takes as long as opening it to serve.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Engine, EngineSession, SessionSpec } from '../../../engine/engine.ts';
import type { ModelSignature } from '../../../model-config/signature.ts';
import { unlessAborted } from '../../abortable.ts';

/**
 * Above it, a configuration that does not fit the model would be refused only after the weights were read; such a file is
 * inspected without them.
 */
const mostFileBytes = 8 * 1024 * 1024;

/** Whether the session is opened early: a GPU takes long to load a model, and may not be there. */
export const opensEarly = (spec: SessionSpec, fileBytes: number): boolean =>
  spec.device.kind === 'cpu' && fileBytes <= mostFileBytes;

export class EarlySession {
  readonly signature: ModelSignature;
  readonly #spec: SessionSpec;
  #session: EngineSession | null;

  private constructor(spec: SessionSpec, session: EngineSession) {
    this.signature = session.signature;
    this.#spec = spec;
    this.#session = session;
  }

  /** Rejects as `openSession` of the engine, or with the reason of `signal`; then it is closed in the background. */
  static async open(engine: Engine, spec: SessionSpec, signal: AbortSignal): Promise<EarlySession> {
    return new EarlySession(spec, await unlessAborted(engine.openSession(spec), signal, (late) => late.close()));
  }

  /** The session, once, if it is the one that is asked for: then it belongs to the caller. */
  take(spec: SessionSpec): EngineSession | null {
    const session = this.#session;
    if (session === null || !isDeepStrictEqual(spec, this.#spec)) return null;
    this.#session = null;
    return session;
  }

  /** Closes the session if nobody has taken it. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.close();
  }
}
