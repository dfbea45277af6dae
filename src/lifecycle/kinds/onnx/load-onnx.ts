/**
 * Loads one version from its files: model file → signature → configuration → sessions and instances → warm-up →
 * scheduler. Each step that holds something is undone when a later one fails.
 */

import { ChangedFileError } from '../../../engine/changed-file-error.ts';
import type { Engine } from '../../../engine/engine.ts';
import { batchingText } from '../../../model-config/batching-text.ts';
import type { EngineConfig, ModelConfig } from '../../../model-config/model-config.ts';
import { planEngine, resolveModelConfig } from '../../../model-config/resolve-config.ts';
import type { ModelSignature } from '../../../model-config/signature.ts';
import { readLabels } from '../../../repository/labels.ts';
import { compileAdmission } from '../../../scheduling/admission/plan.ts';
import { wrapScheduler } from '../../../scheduling/version-interceptor.ts';
import { unlessAborted } from '../../abortable.ts';
import { configSettings, type Servable, type ServableTools, type VersionTask } from '../../servable.ts';
import { EarlySession, opensEarly } from './early-session.ts';
import { engineOptions, inspectionOptions } from './engine-options.ts';
import { firstSessionSpec, InstanceSet, type SessionTemplate } from './instance-set.ts';
import { findModelFile } from './model-files.ts';
import { OnnxServable } from './onnx-servable.ts';
import { processMemory } from './process-memory.ts';
import { warmUp } from './warmup.ts';

/**
 * @param warming called when everything is there and only warm-up is left
 * @param signal  cancels the load: it rejects with the reason; the result of a step that cannot be interrupted is
 * closed later
 */
export async function loadOnnx(
  task: VersionTask,
  tools: ServableTools,
  warming: () => void,
  signal: AbortSignal,
): Promise<Servable> {
  const { engine, logger } = tools;
  const { model, version } = task;
  const { config, signature, labels, admission, instances } = await openModel(task, tools, signal);
  const statistics = tools.statistics({
    model,
    version,
    metricTags: config.metricTags,
    gpuUuid: gpuUuid(engine, instances),
    histogramBuckets: config.histogramBuckets,
  });
  try {
    for (const { device, fallbackReason, graphProblem, pluginProblem } of instances.sessions) {
      if (graphProblem) logger.warn({ model, version }, `running without CUDA graphs: ${graphProblem}`);
      if (pluginProblem) {
        const { name } = config.engine.plugin ?? { name: '' };
        logger.warn({ model, version }, `running without the execution provider '${name}': ${pluginProblem}`);
      }
      if (fallbackReason) logger.warn({ model, version, device: device.kind }, `running on the CPU: ${fallbackReason}`);
    }
    warming();
    const batchFault = await warmUp(
      {
        version,
        config,
        signature,
        modelFolder: task.modelFolder,
        instances: instances.active,
        replace: (stuck) => instances.replace(stuck),
        signal,
      },
      { clock: tools.clock, logger, memory: processMemory },
    );
    const identity = { modelName: model, modelVersion: String(version) };
    const { clock, turn, gate, maxQueuedRequests } = tools;
    const scheduler = tools.chooseScheduler(config)(
      { identity, config, signature, labels, batchFault },
      instances.active,
      {
        clock,
        turn,
        observer: statistics,
        gate,
        maxQueuedRequests,
        logger,
      },
    );
    const facts = { ...identity, config, signature };
    return new OnnxServable({
      config,
      signature,
      admission,
      scheduler,
      entry: wrapScheduler(tools.interceptors, facts, scheduler),
      statistics,
      instances,
      modelFolder: task.modelFolder,
      version,
      clock: tools.clock,
      logger,
    });
  } catch (error) {
    statistics.retire();
    const closing = instances.close();
    if (!signal.aborted) await closing;
    else
      closing.catch((late: unknown) =>
        logger.error({ model, version, error: late }, 'a load that was ended could not be closed'),
      );
    throw error;
  }
}

interface OpenModel {
  readonly config: ModelConfig;
  readonly signature: ModelSignature;
  readonly labels: ReadonlyMap<string, readonly string[]>;
  readonly admission: ReturnType<typeof compileAdmission>;
  readonly instances: InstanceSet;
}

/** So that a file that is written to without an end does not hold the model in loading for as long. */
const mostOpenings = 5;

/**
 * A model whose file is replaced while it is opened is opened anew: who asked for the load asked for what the folder holds.
 * Rejects as `openModelOnce`.
 */
async function openModel(task: VersionTask, tools: ServableTools, signal: AbortSignal): Promise<OpenModel> {
  for (let openings = 1; ; openings++) {
    try {
      return await openModelOnce(task, tools, signal);
    } catch (error) {
      if (!(error instanceof ChangedFileError) || openings === mostOpenings) throw error;
      const { model, version } = task;
      tools.logger.info({ model, version }, `opening the model anew: ${error.message}`);
    }
  }
}

/** Model file → signature → configuration → sessions and instances. A failure leaves nothing open. */
async function openModelOnce(task: VersionTask, tools: ServableTools, signal: AbortSignal): Promise<OpenModel> {
  const { engine, logger } = tools;
  const { model, version, modelFolder, message } = task;
  const file = await unlessAborted(findModelFile({ ...task, cudaDevices: engine.cudaDevices() }), signal);
  const plan = planEngine(message, configSettings(tools));
  const templateOf = (options: EngineConfig): SessionTemplate => ({
    label: `${model}:${version}`,
    file,
    ...engineOptions(modelFolder, options),
  });
  const spec = firstSessionSpec(templateOf(plan.engine), plan.instanceGroups);
  const early =
    spec !== null && opensEarly(spec, file.sizeBytes) ? await EarlySession.open(engine, spec, signal) : null;
  try {
    const inspect = () => engine.inspect(file, inspectionOptions(modelFolder, message, configSettings(tools)));
    const signature = early?.signature ?? (await unlessAborted(inspect(), signal));
    const config = resolveFor(task, tools, signature);
    logger.info({ model, version }, batchingText(config));
    for (const field of config.ignoredFields)
      logger.info({ model, version }, `configuration field without effect: ${field}`);
    const labels = await unlessAborted(outputLabels(modelFolder, config, signature), signal);
    const admission = compileAdmission(config, signature);
    const { instanceGroups, maxBatchSize } = config;
    const template = templateOf(config.engine);
    const instances = await InstanceSet.open(engine, template, instanceGroups, maxBatchSize, signal, early);
    return { config, signature, labels, admission, instances };
  } finally {
    await early?.close();
  }
}

/** The configuration that a version with this signature gets from a source. */
export function resolveFor(task: VersionTask, tools: ServableTools, signature: ModelSignature): ModelConfig {
  return resolveModelConfig({
    modelName: task.model,
    source: task.config,
    signature,
    settings: configSettings(tools),
  });
}

/** Label files win over labels that the model itself carries (ZipMap). */
async function outputLabels(
  modelFolder: string,
  config: ModelConfig,
  signature: ModelSignature,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const labels = new Map<string, readonly string[]>();
  for (const output of signature.outputs) if (output.labels.length > 0) labels.set(output.name, output.labels);
  for (const { name, labelFilename } of config.outputs) {
    if (labelFilename !== '') labels.set(name, await readLabels(modelFolder, labelFilename));
  }
  return labels;
}

function gpuUuid(engine: Engine, instances: InstanceSet): string | null {
  for (const { device } of instances.sessions) {
    if (device.kind === 'cpu') continue;
    return engine.cudaDevices().find(({ ordinal }) => ordinal === device.ordinal)?.uuid ?? null;
  }
  return null;
}
