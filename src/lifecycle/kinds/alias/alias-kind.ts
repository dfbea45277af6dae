/**
 * The servable kind of aliases: a model that is another name for a version of another model
 * (docs/model-configuration.md). Requests are checked as the target's and batch together with them; answers and
 * statistics carry the name of the alias.
 */

import { resolveAliasConfig } from '../../../model-config/alias-config.ts';
import { aliasTarget } from '../../../model-config/alias-target.ts';
import { isAlias } from '../../../model-config/platforms.ts';
import { wrapScheduler } from '../../../scheduling/version-interceptor.ts';
import { notReady } from '../../model-version.ts';
import type { Servable, ServableKind, ServableTools, ServingVersion, VersionTask } from '../../servable.ts';
import { AliasScheduler } from './alias-scheduler.ts';

export const aliasKind: ServableKind = {
  name: 'alias',
  matches: isAlias,
  impliedVersions: [1],
  needs: (message) => [aliasTarget(message)],
  lacks: () => Promise.resolve([]),
  load: (task, tools, warming, _signal, [target]) => loadAlias(task, tools, warming, target),
};

async function loadAlias(
  { model, version, message }: VersionTask,
  { statistics: newStatistics, interceptors, clock, logger }: ServableTools,
  warming: () => void,
  target: ServingVersion | undefined,
): Promise<Servable> {
  const served = target?.loaded;
  if (!target || !served) throw notReady(aliasTarget(message).model, aliasTarget(message).version ?? '');
  const config = resolveAliasConfig(message, served.config);
  const { signature } = served;
  logger.info({ model, version, target: target.model, targetVersion: target.version }, 'stands for another model');
  warming();
  const statistics = newStatistics({
    model,
    version,
    metricTags: config.metricTags,
    gpuUuid: null,
    histogramBuckets: config.histogramBuckets,
  });
  const identity = { modelName: model, modelVersion: String(version) };
  const scheduler = new AliasScheduler(identity, served.scheduler, statistics, clock);
  return {
    config,
    signature,
    admission: { ...served.admission, modelName: model },
    scheduler,
    entry: wrapScheduler(interceptors, { ...identity, config, signature }, scheduler),
    statistics,
    // The version releases the lease on the target.
    close: () => Promise.resolve(),
  };
}
