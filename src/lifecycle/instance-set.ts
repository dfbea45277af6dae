/**
 * The sessions and instances of one model version. Instances on one device share one session, so the weights are in
 * memory once per device however many instances there are. The set can be changed while it serves.
 */

import {
  type Device,
  deviceText,
  type Engine,
  type EngineInstance,
  type EngineSession,
  type SessionSpec,
} from '../engine/engine.ts';
import type { InstanceGroupConfig } from '../model-config/model-config.ts';
import type { ModelSignature } from '../model-config/signature.ts';

/** What all sessions of the version have in common. */
export type SessionTemplate = Omit<SessionSpec, 'device' | 'requireDevice' | 'instanceCount'>;

interface WantedInstance {
  /** Unique in the version: name and device. */
  readonly key: string;
  readonly name: string;
  readonly device: Device;
  readonly isDemanded: boolean;
  readonly isPassive: boolean;
}

interface HeldInstance {
  readonly wanted: WantedInstance;
  readonly instance: EngineInstance;
}

/** What `adjust` has changed: take `added` into use, stop using `removed`, then call `closeRemoved`. */
export interface InstanceChange {
  readonly added: readonly EngineInstance[];
  readonly removed: readonly EngineInstance[];
}

/** The instances that `groups` ask for; instances of the same name and device are numbered, so keys are unique. */
function wantedInstances(groups: readonly InstanceGroupConfig[]): readonly WantedInstance[] {
  const wanted: WantedInstance[] = [];
  const seen = new Map<string, number>();
  for (const { name: prefix, count, kind, gpus, isDemanded, isPassive } of groups) {
    const devices: readonly Device[] = kind === 'cpu' ? [{ kind }] : gpus.map((ordinal) => ({ kind: 'cuda', ordinal }));
    for (const device of devices) {
      for (let i = 0; i < count; i++) {
        const name = `${prefix}_${i}`;
        const place = `${name}@${deviceText(device)}`;
        const nth = seen.get(place) ?? 0;
        seen.set(place, nth + 1);
        wanted.push({ key: `${place}#${nth}`, name, device, isDemanded, isPassive });
      }
    }
  }
  return wanted;
}

export class InstanceSet {
  readonly #engine: Engine;
  readonly #template: SessionTemplate;
  readonly #maxRows: number;
  readonly #sessions = new Map<string, EngineSession>();
  #held: readonly HeldInstance[] = [];
  /** Closings of instances whose run does not end; their sessions stay open until it does. */
  readonly #givenUp = new Set<Promise<void>>();

  private constructor(engine: Engine, template: SessionTemplate, maxRows: number) {
    this.#engine = engine;
    this.#template = template;
    this.#maxRows = maxRows;
  }

  /** Opens all sessions and instances; on failure everything that was opened is closed again. */
  static async open(
    engine: Engine,
    template: SessionTemplate,
    groups: readonly InstanceGroupConfig[],
    maxRows: number,
  ): Promise<InstanceSet> {
    const set = new InstanceSet(engine, template, maxRows);
    try {
      await set.adjust(groups);
      return set;
    } catch (error) {
      await set.close();
      throw error;
    }
  }

  /** Instances that take requests. */
  get active(): readonly EngineInstance[] {
    return this.#held.filter(({ wanted }) => !wanted.isPassive).map(({ instance }) => instance);
  }

  /** All sessions, for their fall-back reasons and devices. */
  get sessions(): readonly EngineSession[] {
    return [...this.#sessions.values()];
  }

  get signature(): ModelSignature {
    const [first] = this.#sessions.values();
    if (!first) throw new Error('an instance set without a session has no signature');
    return first.signature;
  }

  /**
   * Makes the set what `groups` say: keeps instances that both have, adds missing ones, drops surplus ones from the
   * set. The dropped instances still run what they run; the caller closes them when they are idle.
   */
  async adjust(groups: readonly InstanceGroupConfig[]): Promise<InstanceChange> {
    const wanted = wantedInstances(groups);
    const before = new Map(this.#held.map((held) => [held.wanted.key, held]));
    const after: HeldInstance[] = [];
    const added: EngineInstance[] = [];
    try {
      for (const entry of wanted) {
        const kept = before.get(entry.key);
        if (kept && kept.wanted.isPassive === entry.isPassive) {
          after.push({ wanted: entry, instance: kept.instance });
          continue;
        }
        const session = await this.#session(entry, wanted);
        const instance = session.createInstance({ name: entry.name, maxRows: this.#maxRows });
        after.push({ wanted: entry, instance });
        if (!entry.isPassive) added.push(instance);
      }
    } catch (error) {
      const fresh = after.filter(({ instance }) => !this.#held.some((held) => held.instance === instance));
      await Promise.all(fresh.map(({ instance }) => instance.close()));
      throw error;
    }
    const stays = new Set(after.map(({ instance }) => instance));
    const removed = this.#held.filter(({ instance }) => !stays.has(instance)).map(({ instance }) => instance);
    this.#held = after;
    return { added, removed };
  }

  /** Gives up an instance that runs without end; a new one on the same session takes its place. */
  replace(stuck: EngineInstance): void {
    this.#held = this.#held.map((held) => {
      const session = this.#sessions.get(deviceText(held.wanted.device));
      if (held.instance !== stuck || session === undefined) return held;
      const closing = stuck.close().finally(() => this.#givenUp.delete(closing));
      this.#givenUp.add(closing);
      const instance = session.createInstance({ name: held.wanted.name, maxRows: this.#maxRows });
      return { wanted: held.wanted, instance };
    });
  }

  /** Closes the sessions that no instance uses any more; call after removed instances were closed. */
  async closeIdleSessions(): Promise<void> {
    const used = new Set(this.#held.map(({ wanted }) => deviceText(wanted.device)));
    for (const [device, session] of [...this.#sessions]) {
      if (used.has(device)) continue;
      this.#sessions.delete(device);
      await session.close();
    }
  }

  /**
   * Waits for running batches, then frees instances and weights. It does not wait for instances that were given up: their
   * sessions are closed when they end.
   */
  async close(): Promise<void> {
    const held = this.#held;
    this.#held = [];
    await Promise.all(held.map(({ instance }) => instance.close()));
    if (this.#givenUp.size === 0) await this.closeIdleSessions();
    else void Promise.allSettled(this.#givenUp).then(() => this.closeIdleSessions());
  }

  async #session(entry: WantedInstance, wanted: readonly WantedInstance[]): Promise<EngineSession> {
    const key = deviceText(entry.device);
    const known = this.#sessions.get(key);
    if (known) return known;
    const onDevice = wanted.filter(({ device }) => deviceText(device) === key);
    const session = await this.#engine.openSession({
      ...this.#template,
      device: entry.device,
      instanceCount: onDevice.length,
      requireDevice: onDevice.some(({ isDemanded }) => isDemanded),
    });
    this.#sessions.set(key, session);
    return session;
  }
}
