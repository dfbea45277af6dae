/** `nereid validate`: checks every model of a repository without serving it, and lists all problems. */

import type { Engine } from '../engine/engine.ts';
import { printable } from '../observability/printable.ts';
import type { ToolSurroundings } from './inspect-command.ts';
import { columns } from './table.ts';
import { parseValidateArguments, type ValidateArguments } from './tool-arguments.ts';

/** The result for one model. */
export interface ModelVerdict {
  readonly name: string;
  /** Versions that would be served, ascending. */
  readonly versions: readonly number[];
  /** `dynamic batching up to 8` or the like; '' when there are problems. */
  readonly summary: string;
  /** One sentence each, with file:line:column if there is a position. Empty: the model can be served. */
  readonly problems: readonly string[];
  /** Fields that are accepted without effect. */
  readonly notes: readonly string[];
}

/** Checks all models below a repository's folder; rejects when the folder itself cannot be read. */
export type CheckRepository = (
  repository: string,
  options: Pick<ValidateArguments, 'autoComplete' | 'configName'>,
  engine: Engine,
) => Promise<RepositoryFindings>;

interface RepositoryFindings {
  readonly models: readonly ModelVerdict[];
  /** Notes on the repository itself, one sentence each. */
  readonly notes: readonly string[];
}

interface RepositoryVerdict extends RepositoryFindings {
  readonly repository: string;
}

const headCells = ({ name, versions, summary, problems }: ModelVerdict): readonly string[] => [
  problems.length === 0 ? 'ok ' : 'BAD',
  name,
  versions.length === 0 ? '' : `versions ${versions.join(', ')}`,
  summary,
];

function repositoryText({ repository, models, notes }: RepositoryVerdict): string {
  const heads = columns(models.map(headCells), '  ').split('\n');
  const lines = models.flatMap(({ problems, notes }, index) => [
    heads[index] ?? '',
    ...problems.map((problem) => `      ${printable(problem)}`),
    ...notes.map((note) => `      note: ${printable(note)}`),
  ]);
  const bad = models.filter((model) => model.problems.length > 0).length;
  const total = bad === 0 ? `${models.length} good` : `${models.length - bad} good, ${bad} bad`;
  const oddities = notes.map((note) => `  note: ${printable(note)}`);
  return `${[printable(repository), ...lines, ...oddities, `  ${total}`].join('\n')}\n`;
}

/**
 * The exit code: 1 when any model has problems or there is no model. Rejects with a `UsageError` or the reason of a
 * failure.
 */
export async function validateCommand(
  words: readonly string[],
  surroundings: ToolSurroundings,
  check: CheckRepository,
): Promise<number> {
  const { paths, json, libraryPath, cudaLibraryPaths, autoComplete, configName } = parseValidateArguments(
    words,
    surroundings.cwd,
  );
  const engine = await surroundings.openEngine(libraryPath, cudaLibraryPaths);
  const verdicts: RepositoryVerdict[] = [];
  for (const repository of paths) {
    verdicts.push({ repository, ...(await check(repository, { autoComplete, configName }, engine)) });
  }
  const models = verdicts.flatMap((verdict) => verdict.models);
  const isGood = models.length > 0 && models.every((model) => model.problems.length === 0);
  surroundings.write(
    json
      ? `${JSON.stringify({ good: isGood, repositories: verdicts }, null, 2)}\n`
      : verdicts.map(repositoryText).join('\n'),
  );
  return isGood ? 0 : 1;
}
