/**
 * ONNX Runtime's lines in our log. It warns of the same thing with every batch – of an output whose shape is not the
 * declared one, for example – so each warning of a session is logged once, and its repetitions at debug level.
 */

import type { Logger } from '../logger.ts';

/** ONNX Runtime's severities. */
const warning = 2;
const error = 3;

/** Kinds of warnings that are remembered per label; further kinds count as repetitions. */
const mostKinds = 100;

interface OpenLabel {
  sessions: number;
  /** Warnings that were logged, without the numbers in them. */
  readonly told: Set<string>;
}

export class RuntimeLog {
  readonly #logger: Logger;
  readonly #open = new Map<string, OpenLabel>();
  readonly #listeners = new Map<string, (message: string) => void>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** A session with this label is about to be opened. Its warnings are logged, even if those of an earlier one were. */
  opening(label: string): void {
    const sessions = (this.#open.get(label)?.sessions ?? 0) + 1;
    this.#open.set(label, { sessions, told: new Set() });
  }

  /** A session with this label is closed, or could not be opened. */
  closed(label: string): void {
    const open = this.#open.get(label);
    if (open === undefined) return;
    open.sessions--;
    if (open.sessions === 0) this.#open.delete(label);
  }

  /** Also tells `heard` the lines of the session with this label; null ends it. */
  listen(label: string, heard: ((message: string) => void) | null): void {
    if (heard === null) this.#listeners.delete(label);
    else this.#listeners.set(label, heard);
  }

  /** @param severity 0 verbose, 1 info, 2 warning, 3 error, 4 fatal */
  readonly write = (severity: number, label: string, message: string): void => {
    const fields = { model: label, source: 'onnxruntime' };
    this.#listeners.get(label)?.(message);
    if (severity >= error) this.#logger.error(fields, message);
    else if (severity === warning && !this.#isRepeat(label, message)) this.#logger.warn(fields, message);
    else this.#logger.debug(fields, message);
  };

  #isRepeat(label: string, message: string): boolean {
    const told = this.#open.get(label)?.told;
    if (told === undefined) return false;
    // The rows of a batch are among the numbers.
    const kind = message.replaceAll(/\d+/g, '#');
    if (told.has(kind) || told.size >= mostKinds) return true;
    told.add(kind);
    return false;
  }
}
