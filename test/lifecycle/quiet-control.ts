/** A `ModelControl` over a fake repository and clock, in explicit mode, which says nothing and retries nothing. */

import { loadSlots } from '../../src/lifecycle/load-slots.ts';
import { type ControlSettings, ModelControl } from '../../src/lifecycle/model-control.ts';
import type { RepositoryView } from '../../src/lifecycle/repository-view.ts';
import type { Clock } from '../../src/time.ts';
import { silentLogger } from '../../src/logger.ts';

/** @param slots models that are loaded at once. */
export const quietControl = (
  view: RepositoryView,
  clock: Clock,
  slots: number,
  settings: Partial<ControlSettings> = {},
): ModelControl =>
  new ModelControl({
    view,
    clock,
    logger: silentLogger,
    settings: { mode: 'explicit', pollIntervalMs: 1000, startupModels: [], waitsForRepository: false, ...settings },
    loadSlots: loadSlots(slots),
    retryCount: 0,
    observer: { versionMoved: () => undefined },
    onReleaseError: (error) => {
      throw error;
    },
  });
