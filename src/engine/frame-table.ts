/** The frames of all instances whose results come to one event loop. */

import { LoneRuns } from './lone-runs.ts';

export interface FrameOwner {
  /** The batch in this frame has ended on the instance's thread. */
  finishSubmitted(frameId: number): void;
}

/** Finds the instances of one thread by the frames that the addon reports as done. */
export class FrameTable {
  /** Of all batches of this thread. */
  readonly loneRuns = new LoneRuns();
  readonly #owners: (FrameOwner | null)[] = [];

  set(frameId: number, owner: FrameOwner | null): void {
    while (this.#owners.length <= frameId) this.#owners.push(null);
    this.#owners[frameId] = owner;
  }

  /** Notifies the instance of each frame; a `done` that throws does not keep the others from being notified. */
  readonly finish = (frameIds: Int32Array): void => {
    for (let i = 0; i < frameIds.length; i++) {
      const frameId = frameIds[i] as number;
      try {
        this.#owners[frameId]?.finishSubmitted(frameId);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };
}
