/** The checks of `nereid validate`: everything that loading checks, except opening sessions. */

import { join } from 'node:path';

import type { Engine } from '../engine/engine.ts';
import { toInferenceError, unavailable } from '../errors.ts';
import { kindOf, readWholeConfig, versionsToServe } from '../lifecycle/disk-source.ts';
import { inspectionOptions } from '../lifecycle/kinds/onnx/engine-options.ts';
import { findModelFile } from '../lifecycle/kinds/onnx/model-files.ts';
import { sampleBatch } from '../lifecycle/kinds/onnx/warmup-samples.ts';
import { servableKinds } from '../lifecycle/kinds/servable-kinds.ts';
import { longestChain, NeedsGraph } from '../lifecycle/needs-graph.ts';
import { aliasTarget } from '../model-config/alias-target.ts';
import { batchingText } from '../model-config/batching-text.ts';
import type { ConfigSettings } from '../model-config/config-settings.ts';
import type { ModelConfig, WarmupSample } from '../model-config/model-config.ts';
import { isAlias } from '../model-config/platforms.ts';
import { resolveModelConfig } from '../model-config/resolve-config.ts';
import { readLabels } from '../repository/labels.ts';
import { type ModelFolder, passedOverText, readConfigSource, scanRepositories } from '../repository/layout.ts';
import { hintForRepository, noModelText } from '../repository/misplaced-files.ts';
import { missingFiles } from '../repository/referenced-files.ts';
import type { CheckRepository, ModelVerdict } from './validate-command.ts';

/** The server's default, so that the verdict equals that of the server. */
const defaultMaxBatchSize = 4;

export const checkRepository: CheckRepository = async (repository, options, engine) => {
  const folders = await scanRepositories([repository], options);
  const { cudaProblem, plugins } = engine.describe();
  const settings: ConfigSettings = {
    autoComplete: options.autoComplete,
    defaultMaxBatchSize,
    gpuOrdinals: engine.cudaDevices().map(({ ordinal }) => ordinal),
    gpuProblem: cudaProblem,
    plugins,
  };
  const models: ModelVerdict[] = [];
  const needs = new NeedsGraph();
  const notes: string[] = [];
  for (const folder of [...folders.values()].sort((a, b) => a.name.localeCompare(b.name))) {
    if (folder.holdsModel) models.push(await checkModel(folder, settings, engine, needs));
    else notes.push(passedOverText(folder.name));
  }
  if (models.length === 0) notes.push(noModelText(await hintForRepository(repository)));
  return { models: models.map((model) => withNeedsChecked(model, models, needs)), notes };
};

async function checkModel(
  folder: ModelFolder,
  settings: ConfigSettings,
  engine: Engine,
  needs: NeedsGraph,
): Promise<ModelVerdict> {
  const { name } = folder;
  const problems: string[] = [];
  const notes = [...folder.warnings];
  let versions: readonly number[] = [];
  let summary = '';
  try {
    if (folder.problem !== null) throw unavailable(folder.problem);
    const source = await readConfigSource(folder);
    const message = await readWholeConfig(folder, { modelName: name, source, settings }, servableKinds);
    const selection = versionsToServe(folder, message, kindOf(message, servableKinds));
    versions = selection.versions;
    for (const missing of selection.missing) notes.push(`version_policy names version ${missing}, which is not there`);
    for (const path of await missingFiles(folder, message, versions)) problems.push(`${path} is missing or empty`);
    needs.declare(name, kindOf(message, servableKinds).needs(message));
    if (isAlias(message)) {
      const target = aliasTarget(message);
      summary = `alias of '${target.model}', ${target.version === null ? 'newest version' : `version ${target.version}`}`;
      return { name, versions, summary, problems, notes };
    }
    for (const version of versions) {
      const task = { model: name, version, message, cudaDevices: engine.cudaDevices() };
      const versionFolder = join(folder.path, String(version));
      try {
        const inspection = inspectionOptions(folder.path, message, settings);
        const signature = await engine.inspect(await findModelFile({ ...task, versionFolder }), inspection);
        const config = resolveModelConfig({ modelName: name, source, settings, signature });
        for (const { labelFilename } of config.outputs) {
          if (labelFilename !== '') await readLabels(folder.path, labelFilename);
        }
        for (const sample of config.warmup.filter(readsFile)) {
          await sampleBatch({ config, signature, modelFolder: folder.path }, sample);
        }
        notes.push(...config.ignoredFields.filter((note) => !notes.includes(note)));
        summary = summaryOf(config);
      } catch (error) {
        problems.push(`version ${version}: ${toInferenceError(error).message.trim()}`);
      }
    }
  } catch (error) {
    problems.push(toInferenceError(error).message.trim());
  }
  return { name, versions, summary: problems.length === 0 ? summary : '', problems, notes };
}

/** Whether loading the model would read a file for the sample. */
const readsFile = ({ batchSize, inputs }: WarmupSample): boolean =>
  batchSize > 0 && [...inputs.values()].some(({ source }) => source.kind === 'file');

/** Adds the problems of the models that it needs. Models of other repositories are not known here. */
function withNeedsChecked(model: ModelVerdict, all: readonly ModelVerdict[], graph: NeedsGraph): ModelVerdict {
  const problems = [...model.problems];
  const notes = [...model.notes];
  const cycle = graph.cycleThrough(model.name);
  if (cycle) problems.push(`needs itself: ${cycle.join(' → ')}`);
  const length = graph.chainFrom(model.name);
  if (length > longestChain) problems.push(`begins a row of ${length} models, at most ${longestChain} are allowed`);
  for (const ref of graph.needsOf(model.name)) {
    const needed = all.find(({ name }) => name === ref.model);
    if (!needed) notes.push(`model '${ref.model}' that it needs is not in this repository`);
    else if (needed.problems.length > 0) problems.push(`model '${ref.model}' that it needs cannot be served`);
    else if (ref.version !== null && !needed.versions.includes(ref.version)) {
      const served = needed.versions.join(', ');
      problems.push(`needs version ${ref.version} of model '${ref.model}', of which ${served} would be served`);
    }
  }
  return { ...model, problems, notes, summary: problems.length === 0 ? model.summary : '' };
}

function summaryOf(config: ModelConfig): string {
  const instances = config.instanceGroups.map(({ count, kind, gpus }) => {
    const place = kind === 'cpu' ? 'CPU' : `GPU ${gpus.join(', ')}`;
    return `${count} on ${place}`;
  });
  return `${batchingText(config)}; ${instances.join(' and ')}`;
}
