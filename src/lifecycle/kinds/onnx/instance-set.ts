/**
 * The sessions and instances of one model version. Instances on one device share one session, so the weights are in
 * memory once per device however many instances there are, unless they replay CUDA graphs. The set can be changed while it serves.
 */

import {
  type Device,
  deviceText,
  type Engine,
  type EngineInstance,
  type EngineSession,
  type SessionSpec,
} from '../../../engine/engine.ts';
import type { InstanceGroupConfig } from '../../../model-config/model-config.ts';
import type { ModelSignature } from '../../../model-config/signature.ts';
import { unlessAborted } from '../../abortable.ts';
import type { EarlySession } from './early-session.ts';

/** The settings that all sessions of the version share. */
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

/** A prepared change that does not serve yet. Exactly one of `commit` and `undo` is called, once. */
export interface PreparedInstances {
  /** New instances that take requests after the commit. */
  added(): readonly EngineInstance[];
  /** Instances that take no requests after the commit. */
  readonly removed: readonly EngineInstance[];
  /** As `InstanceSet.replace`, for one of `added`. */
  replace(stuck: EngineInstance): void;
  /** Makes the change take effect. The caller closes `removed` when they are idle, then calls `closeIdleSessions`. */
  commit(): void;
  /** Closes the new instances; the set stays as it was. */
  undo(): Promise<void>;
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

/** Instances with CUDA graphs share no session, because one run at a time is all that a session with graphs can do. */
const sessionKey = ({ key, device }: WantedInstance, { graphRows }: SessionTemplate): string =>
  device.kind === 'cuda' && graphRows.length > 0 ? key : deviceText(device);

function sessionSpec(entry: WantedInstance, wanted: readonly WantedInstance[], template: SessionTemplate): SessionSpec {
  const key = sessionKey(entry, template);
  const sharing = wanted.filter((other) => sessionKey(other, template) === key);
  return {
    ...template,
    device: entry.device,
    instanceCount: sharing.length,
    requireDevice: sharing.some(({ isDemanded }) => isDemanded),
  };
}

/** The session that a set of these groups opens first; null if it has no instance. */
export function firstSessionSpec(
  template: SessionTemplate,
  groups: readonly InstanceGroupConfig[],
): SessionSpec | null {
  const wanted = wantedInstances(groups);
  const [first] = wanted;
  return first === undefined ? null : sessionSpec(first, wanted, template);
}

export class InstanceSet {
  readonly #engine: Engine;
  readonly #template: SessionTemplate;
  readonly #maxRows: number;
  readonly #sessions = new Map<string, EngineSession>();
  #held: readonly HeldInstance[] = [];
  /** Pending closings of stuck instances; their sessions stay open until the runs end. */
  readonly #givenUp = new Set<Promise<void>>();

  private constructor(engine: Engine, template: SessionTemplate, maxRows: number) {
    this.#engine = engine;
    this.#template = template;
    this.#maxRows = maxRows;
  }

  /**
   * Opens all sessions and instances; on failure everything that was opened is closed again.
   *
   * @param early a session that may be one of them
   */
  static async open(
    engine: Engine,
    template: SessionTemplate,
    groups: readonly InstanceGroupConfig[],
    maxRows: number,
    signal: AbortSignal,
    early: EarlySession | null = null,
  ): Promise<InstanceSet> {
    const set = new InstanceSet(engine, template, maxRows);
    (await set.prepare(groups, signal, early)).commit();
    return set;
  }

  /** Instances that take requests. */
  get active(): readonly EngineInstance[] {
    return active(this.#held);
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
   * Opens the instances of `groups` that the set lacks. One change at a time. On failure everything that was opened is
   * closed again.
   */
  async prepare(
    groups: readonly InstanceGroupConfig[],
    signal: AbortSignal,
    early: EarlySession | null = null,
  ): Promise<PreparedInstances> {
    const wanted = wantedInstances(groups);
    const before = new Map(this.#held.map((held) => [held.wanted.key, held]));
    const sessions = new Map<string, EngineSession>();
    const after: HeldInstance[] = [];
    const opened: HeldInstance[] = [];
    const undo = async (): Promise<void> => {
      await Promise.all(opened.map(({ instance }) => instance.close()));
      await this.#afterGivenUp(() => Promise.all([...sessions.values()].map((session) => session.close())));
    };
    try {
      for (const entry of wanted) {
        const kept = before.get(entry.key);
        if (kept && kept.wanted.isPassive === entry.isPassive) {
          after.push({ wanted: entry, instance: kept.instance });
          continue;
        }
        const session = await this.#session(entry, wanted, sessions, signal, early);
        const instance = session.createInstance({ name: entry.name, maxRows: this.#maxRows });
        after.push({ wanted: entry, instance });
        opened.push({ wanted: entry, instance });
      }
    } catch (error) {
      await undo();
      throw error;
    }
    const stays = new Set(after.map(({ instance }) => instance));
    return {
      added: () => active(opened),
      replace: (stuck) => {
        const at = opened.findIndex(({ instance }) => instance === stuck);
        const held = opened[at];
        const key = held && sessionKey(held.wanted, this.#template);
        const session = key && (sessions.get(key) ?? this.#sessions.get(key));
        if (!held || !session) return;
        opened[at] = this.#replacement(held, session);
        after[after.indexOf(held)] = opened[at];
      },
      removed: this.#held.map(({ instance }) => instance).filter((instance) => !stays.has(instance)),
      commit: () => {
        this.#held = after;
        for (const [key, session] of sessions) this.#sessions.set(key, session);
      },
      undo,
    };
  }

  /** Replaces a stuck instance by a new one on the same session. */
  replace(stuck: EngineInstance): void {
    this.#held = this.#held.map((held) => {
      const session = this.#sessions.get(sessionKey(held.wanted, this.#template));
      return held.instance === stuck && session !== undefined ? this.#replacement(held, session) : held;
    });
  }

  #replacement({ wanted, instance: stuck }: HeldInstance, session: EngineSession): HeldInstance {
    const closing = stuck.close().finally(() => this.#givenUp.delete(closing));
    this.#givenUp.add(closing);
    return { wanted, instance: session.createInstance({ name: wanted.name, maxRows: this.#maxRows }) };
  }

  /** Closes sessions: now, or in the background when stuck instances have ended. */
  async #afterGivenUp(close: () => Promise<unknown>): Promise<void> {
    if (this.#givenUp.size === 0) await close();
    else void Promise.allSettled(this.#givenUp).then(close);
  }

  /** Closes the sessions that no instance uses any more; call after removed instances were closed. */
  async closeIdleSessions(): Promise<void> {
    const used = new Set(this.#held.map(({ wanted }) => sessionKey(wanted, this.#template)));
    for (const [key, session] of [...this.#sessions]) {
      if (used.has(key)) continue;
      this.#sessions.delete(key);
      await session.close();
    }
  }

  /**
   * Waits for running batches, then frees instances and weights. It does not wait for stuck instances: their sessions
   * are closed when they end.
   */
  async close(): Promise<void> {
    const held = this.#held;
    this.#held = [];
    await Promise.all(held.map(({ instance }) => instance.close()));
    await this.#afterGivenUp(() => this.closeIdleSessions());
  }

  /** The session of an instance: of the set, of this change, or a new one. */
  async #session(
    entry: WantedInstance,
    wanted: readonly WantedInstance[],
    sessions: Map<string, EngineSession>,
    signal: AbortSignal,
    early: EarlySession | null,
  ): Promise<EngineSession> {
    const key = sessionKey(entry, this.#template);
    const known = this.#sessions.get(key) ?? sessions.get(key);
    if (known) return known;
    const spec = sessionSpec(entry, wanted, this.#template);
    const session =
      early?.take(spec) ??
      // The runtime cannot be interrupted: the session is closed in the background when it is open.
      (await unlessAborted(this.#engine.openSession(spec), signal, (late) => late.close()));
    sessions.set(key, session);
    return session;
  }
}

const active = (held: readonly HeldInstance[]): readonly EngineInstance[] =>
  held.filter(({ wanted }) => !wanted.isPassive).map(({ instance }) => instance);
