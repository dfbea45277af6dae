/** The repository endpoints: index, load, unload. */

import { type InferenceError, invalidArgument, unimplemented } from '../../../errors.ts';
import type { ModelIndexEntry } from '../../../lifecycle/model-index.ts';
import type { InferenceServer, LoadOptions } from '../../../server/inference-server.ts';
import { decodeBase64 } from '../json/base64.ts';
import { wrongKind } from '../json/reader.ts';
import { booleanMember, type JsonObject, objectMember, readJsonObject, stringMember } from '../json/value.ts';
import { emptyReply, jsonReply, type Reply } from '../reply.ts';

const noObject: JsonObject = new Map();
const filePrefix = 'file:';

/** Every model of the repository as a JSON array. */
export async function repositoryIndexReply(server: InferenceServer, body: Buffer): Promise<Reply> {
  const isReadyOnly = readJsonObject(body).get('ready') ?? false;
  if (typeof isReadyOnly !== 'boolean') throw invalidArgument("Invalid value for 'ready': expected a boolean");
  const entries = await server.repositoryIndex(isReadyOnly);
  return jsonReply(JSON.stringify(entries.map(indexMessage)));
}

/** The parameters of a load or unload call. */
function parametersOf(hasRepository: boolean, body: Buffer): JsonObject {
  if (hasRepository) throw repositoryNamed();
  return objectMember(readJsonObject(body), 'parameters') ?? noObject;
}

export async function loadReply(
  server: InferenceServer,
  model: string,
  hasRepository: boolean,
  body: Buffer,
): Promise<Reply> {
  const parameters = parametersOf(hasRepository, body);
  await server.loadModel(model, loadOptions(parameters));
  return emptyReply(200);
}

export async function unloadReply(
  server: InferenceServer,
  model: string,
  hasRepository: boolean,
  body: Buffer,
): Promise<Reply> {
  const parameters = parametersOf(hasRepository, body);
  const unloadDependents = booleanMember(parameters, 'unload_dependents') ?? false;
  await server.unloadModel(model, { unloadDependents });
  return emptyReply(200);
}

const repositoryNamed = (): InferenceError => unimplemented("'repository_name' specification is not supported");

function loadOptions(parameters: JsonObject): LoadOptions {
  const files = new Map<string, Uint8Array>();
  for (const [key, value] of parameters) {
    if (key === 'config') continue;
    if (!key.startsWith(filePrefix)) {
      throw invalidArgument(
        `unexpected error on creating Triton parameter: '${key}' is no load parameter, expected 'config' or 'file:<path>'`,
      );
    }
    if (typeof value !== 'string') throw wrongKind(key, 'string');
    const content = decodeBase64(value);
    if (content === null) throw invalidArgument(`load parameter '${key}' is not valid base64`);
    files.set(key.slice(filePrefix.length), content);
  }
  return { config: stringMember(parameters, 'config') ?? null, files };
}

/** A model that was never loaded has only a name. */
const indexMessage = ({ name, version, state, reason }: ModelIndexEntry): object => ({
  name,
  ...(version !== '' && { version }),
  ...(state !== '' && { state }),
  ...(reason !== '' && { reason }),
});
