/** Index, load and unload: the parameters are checked here, everything else is the server's. Texts are Triton's. */

import { type InferenceError, invalidArgument, unimplemented } from '../../../errors.ts';
import type { LoadOptions } from '../../../server/inference-server.ts';
import { controlMethod } from './control-method.ts';
import { leavingError } from '../leaving.ts';
import type { MethodTable } from '../method-table.ts';
import { WireReader } from '../wire/reader.ts';

interface RepositoryParameter {
  readonly parameter_choice?: 'bool_param' | 'int64_param' | 'string_param' | 'bytes_param';
  readonly bool_param?: boolean;
  readonly string_param?: string;
  readonly bytes_param?: Uint8Array;
}

interface ModelControlRequest {
  readonly repository_name: string;
  readonly model_name: string;
  readonly parameters: Readonly<Record<string, RepositoryParameter>>;
}

const filePrefix = 'file:';

/** Parameters of one load: a model has far fewer files, and each becomes an object. */
const maxLoadFields = 10_000;

export const repositoryTable: MethodTable = {
  api: 'model-repository',
  methods: ({ protocol, server, isLeaving }) => [
    controlMethod(
      protocol,
      'RepositoryIndex',
      async ({ repository_name, ready }: { repository_name: string; ready: boolean }) => {
        refuseRepositoryName(repository_name);
        return { models: await server.repositoryIndex(ready) };
      },
    ),
    controlMethod(
      protocol,
      'RepositoryModelLoad',
      async (request: ModelControlRequest) => {
        if (isLeaving()) throw leavingError();
        refuseRepositoryName(request.repository_name);
        await server.loadModel(request.model_name, loadOptions(request));
        return {};
      },
      { check: refuseManyFields },
    ),
    controlMethod(protocol, 'RepositoryModelUnload', async (request: ModelControlRequest) => {
      if (isLeaving()) throw leavingError();
      refuseRepositoryName(request.repository_name);
      await server.unloadModel(request.model_name, { unloadDependents: unloadsDependents(request) });
      return {};
    }),
  ],
};

function refuseRepositoryName(name: string): void {
  if (name !== '') throw unimplemented(`'repository_name' specification is not supported`);
}

function loadOptions({ parameters }: ModelControlRequest): LoadOptions {
  let config: string | null = null;
  const files = new Map<string, Uint8Array>();
  for (const [key, parameter] of Object.entries(parameters)) {
    if (key === 'config') {
      if (parameter.parameter_choice !== 'string_param') throw wrongLoadType(key, 'string_param');
      config = parameter.string_param ?? '';
    } else if (key.startsWith(filePrefix)) {
      if (parameter.parameter_choice !== 'bytes_param') throw wrongLoadType(key, 'bytes_param');
      files.set(key.slice(filePrefix.length), parameter.bytes_param ?? new Uint8Array(0));
    } else {
      throw invalidArgument(`unrecognized load parameter '${key}'.`);
    }
  }
  return { config, files };
}

const wrongLoadType = (key: string, expected: string): InferenceError =>
  invalidArgument(`invalid value type for load parameter '${key}', expected ${expected}.`);

function unloadsDependents({ parameters }: ModelControlRequest): boolean {
  const key = 'unload_dependents';
  if (!Object.hasOwn(parameters, key)) return false;
  const parameter = parameters[key] as RepositoryParameter;
  if (parameter.parameter_choice === 'bool_param') return parameter.bool_param ?? false;
  throw invalidArgument(`invalid value type for '${key}' parameter, expected bool_param.`);
}

function refuseManyFields(message: Buffer): void {
  const reader = new WireReader(message);
  let fields = 0;
  while (reader.at < reader.limit) {
    reader.skipUnknown(reader.readTag(), 0);
    if (++fields > maxLoadFields) throw invalidArgument(`a load has at most ${maxLoadFields} parameters`);
  }
}
