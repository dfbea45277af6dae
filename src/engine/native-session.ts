/** A session of the addon: the weights of one model version on one device, and the instances that run them. */

import type { ModelSignature } from '../model-config/signature.ts';
import type { Device, EngineInstance, EngineSession, InstanceSpec } from './engine.ts';
import type { IdleSlabs } from './idle-slabs.ts';
import type { NativeAddon } from './native.ts';
import { nativeFailure } from './native-error.ts';
import type { FrameTable } from './frame-table.ts';
import { NativeInstance } from './native-instance.ts';
import type { NativeModel } from './native-model.ts';

export class NativeSession implements EngineSession {
  readonly signature: ModelSignature;
  readonly device: Device;
  readonly fallbackReason: string | null;
  readonly graphProblem: string | null;
  readonly pluginProblem: string | null;
  readonly #addon: NativeAddon;
  readonly #id: number;
  readonly #model: NativeModel;
  readonly #frames: FrameTable;
  readonly #idleSlabs: IdleSlabs;
  readonly #onClosed: () => void;
  #closing: Promise<void> | null = null;

  constructor(
    addon: NativeAddon,
    id: number,
    model: NativeModel,
    placement: {
      readonly device: Device;
      readonly fallbackReason: string | null;
      readonly graphProblem: string | null;
      readonly pluginProblem: string | null;
    },
    frames: FrameTable,
    idleSlabs: IdleSlabs,
    onClosed: () => void,
  ) {
    this.#onClosed = onClosed;
    this.#idleSlabs = idleSlabs;
    this.signature = model.signature;
    this.device = placement.device;
    this.fallbackReason = placement.fallbackReason;
    this.graphProblem = placement.graphProblem;
    this.pluginProblem = placement.pluginProblem;
    this.#addon = addon;
    this.#id = id;
    this.#model = model;
    this.#frames = frames;
  }

  createInstance(spec: InstanceSpec): EngineInstance {
    const reply = this.#addon.createInstance(this.#id);
    if (reply.error !== null) throw nativeFailure(reply.error);
    return new NativeInstance(this.#addon, reply.id, this.#model, spec, this.#frames, this.#idleSlabs, this.device);
  }

  close(): Promise<void> {
    this.#closing ??= this.#addon.closeSession(this.#id).then(this.#onClosed);
    return this.#closing;
  }
}
