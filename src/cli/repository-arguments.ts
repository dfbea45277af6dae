/** The flags that say which models are served and who decides about loading them. */

import { resolve } from 'node:path';
import type { ModelControlMode, RepositoryConfig } from '../server/server-config.ts';
import type { FlagValues } from './flag-values.ts';
import type { BackendSettings } from './keyed-settings.ts';
import type { ServeFlags } from './serve-flags.ts';

/** The facts on which the meaning of a command line depends. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The version of this server, from package.json. */
  readonly version: string;
  /** Whether a path is an existing folder. */
  readonly isFolder: (path: string) => boolean;
  /** Cores that this process may use. */
  readonly cpuCores: number;
  /** Memory that this process may use: the cgroup's limit, or the machine's memory. */
  readonly memoryBytes: number;
}

type Values = FlagValues<ServeFlags>;

function repositoryPaths(
  values: Values,
  surroundings: Surroundings,
  problems: string[],
  isUnderstood: boolean,
): readonly string[] {
  const { env, cwd, isFolder } = surroundings;
  const { NEREID_MODEL_REPOSITORY: fromEnvironment = '' } = env;
  const given = values.isGiven('model-repository') ? values.all('model-repository') : [fromEnvironment];
  const paths = given.filter((path) => path !== '');
  if (paths.length === 0) {
    const inPlace = resolve(cwd, 'model-repository');
    if (isFolder(inPlace)) return [inPlace];
    // An unknown word may have been meant as the repository: one mistake, one problem.
    if (isUnderstood)
      problems.push(
        'no model repository: give its folder with --model-repository=<folder> or NEREID_MODEL_REPOSITORY, or start where ./model-repository is',
      );
  }
  for (const path of paths) {
    if (/^(s3|gs|as|https?):\/\//i.test(path)) {
      problems.push(
        `--model-repository expects a local folder but '${path}' was given; object stores are not in this version`,
      );
    } else if (!isFolder(resolve(cwd, path)) && values.boolean('exit-on-error')) {
      problems.push(
        `--model-repository expects an existing folder but '${path}' was given (--exit-on-error=false waits for it)`,
      );
    }
  }
  return [...new Set(paths.map((path) => resolve(cwd, path)))];
}

function startupModels(values: Values, problems: string[]): readonly string[] {
  const names = [...new Set(values.all('load-model'))];
  if (names.length > 0 && values.choice('model-control-mode') !== 'explicit') {
    problems.push('--load-model expects --model-control-mode=explicit: in the other modes all models are loaded');
  }
  if (names.includes('*') && names.length > 1) {
    problems.push("Wildcard model name '*' must be the ONLY startup model if specified at all.");
  }
  return names;
}

/** The shortest time between two scans; with a shorter one the server would only scan. */
const leastPollSecs = 0.05;

function pollInterval(values: Values, problems: string[]): number {
  const secs = values.number('repository-poll-secs');
  if (secs > 0 && secs < leastPollSecs) {
    problems.push(`--repository-poll-secs expects 0 (look once) or at least ${leastPollSecs} but '${secs}' was given`);
  }
  return Math.round(secs * 1_000);
}

/**
 * Problems are added to the list, one sentence each.
 *
 * @param isUnderstood Whether every word was understood: only then a missing repository is reported.
 */
export function repositoryConfig(
  values: Values,
  backend: BackendSettings,
  surroundings: Surroundings,
  problems: string[],
  isUnderstood: boolean,
): RepositoryConfig {
  const isStrict = values.isGiven('disable-auto-complete-config') || values.boolean('strict-model-config');
  return {
    paths: repositoryPaths(values, surroundings, problems, isUnderstood),
    controlMode: values.choice('model-control-mode') as ModelControlMode,
    pollIntervalMs: pollInterval(values, problems),
    startupModels: startupModels(values, problems),
    exitOnError: values.boolean('exit-on-error'),
    strictReadiness: values.boolean('strict-readiness'),
    autoComplete: backend.autoComplete && !isStrict,
    configName: values.text('model-config-name'),
    loadConcurrency: values.number('model-load-thread-count'),
    loadRetryCount: values.number('model-load-retry-count'),
  };
}
