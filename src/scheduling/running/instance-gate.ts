/**
 * A gate limits the batches that run at once over several models: a scheduler with an idle instance asks it before it
 * starts a batch. Without a gate a scheduler starts its batches at once.
 */

/** Identifies a scheduler and a device at the gate; one object for each pair. */
export interface Demand {
  /** Where the batch would run, as `deviceText` writes it. */
  readonly device: string;
}

/** Permission to run one batch. */
export interface GatePass {
  /** The batch has ended, successfully or not. Call exactly once. */
  release(): void;
}

export interface InstanceGate {
  /**
   * Null: not now. Then `ready` is called once when it is this demand's turn; a demand that does not enter within that
   * call gives up its turn. Repeated calls in the meantime change nothing.
   */
  enter(demand: Demand, ready: () => void): GatePass | null;
}

interface Waiting {
  readonly demand: Demand;
  readonly ready: () => void;
}

/** At most so many batches at once on each device, over all models. The demand that has waited longest enters next. */
export class RunLimit implements InstanceGate {
  readonly #limit: number;
  readonly #byDevice = new Map<string, DeviceRuns>();

  /** @param limit at least 1 */
  constructor(limit: number) {
    this.#limit = limit;
  }

  enter(demand: Demand, ready: () => void): GatePass | null {
    let runs = this.#byDevice.get(demand.device);
    if (runs === undefined) {
      runs = new DeviceRuns(this.#limit);
      this.#byDevice.set(demand.device, runs);
    }
    return runs.enter(demand, ready);
  }
}

/** The batches on one device. It is the pass of each of them, because passes have no state. */
class DeviceRuns implements GatePass {
  readonly #limit: number;
  /** In order of arrival; each demand once. Empty outside of `#serve` unless the limit is reached. */
  readonly #waiting: Waiting[] = [];
  /** Whose `ready` is being called. */
  #turn: Demand | null = null;
  #running = 0;
  #isServing = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  enter(demand: Demand, ready: () => void): GatePass | null {
    const isFirst = this.#turn === demand || (this.#turn === null && this.#waiting.length === 0);
    if (this.#running < this.#limit && isFirst) {
      this.#turn = null;
      this.#running++;
      return this;
    }
    if (!this.#waiting.some((other) => other.demand === demand)) this.#waiting.push({ demand, ready });
    return null;
  }

  release(): void {
    this.#running--;
    this.#serve();
  }

  /** A loop instead of a recursion: a batch that runs inline ends before `ready` returns. */
  #serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      while (this.#running < this.#limit) {
        const next = this.#waiting.shift();
        if (next === undefined) break;
        this.#turn = next.demand;
        next.ready();
        this.#turn = null;
      }
    } finally {
      this.#turn = null;
      this.#isServing = false;
    }
  }
}
