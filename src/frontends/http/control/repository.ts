/** The repository endpoints: index, load, unload. */

import { type InferenceError, invalidArgument, unimplemented } from '../../../errors.ts';
import type { ModelIndexEntry } from '../../../lifecycle/model-index.ts';
import type { LoadOptions } from '../../../server/inference-server.ts';
import { tooLong } from '../../../inference/request-limits.ts';
import { maxConfigBytes } from '../../../model-config/syntax/text-format.ts';
import { shownText } from '../../../shown-text.ts';
import type { SliceQueue } from '../../slice-queue.ts';
import { indexPages } from '../../v2/pages.ts';
import type { HttpContext } from '../http-context.ts';
import { decodeBase64 } from '../json/base64.ts';
import { findLongTexts, LongText } from '../json/long-texts.ts';
import { wrongKind } from '../json/errors.ts';
import { booleanMember, type JsonObject, objectMember, readJsonObject, stringMember } from '../json/value.ts';
import { type PagedText, pagedReply } from '../paged-text.ts';
import { emptyReply, type Reply } from '../reply.ts';

const noObject: JsonObject = new Map();
const filePrefix = 'file:';

/** Larger bodies of load calls are read in slices. */
const smallLoadBytes = 256 * 1024;
/** The most bytes of a configuration as a JSON string: those that are allowed of its text, and as many for escapes. */
const maxConfigLiteralBytes = 2 * maxConfigBytes;

/** Every model of the repository as a JSON array. */
export async function repositoryIndexReply({ server, slices }: HttpContext, body: Buffer): Promise<Reply | PagedText> {
  const isReadyOnly = booleanMember(readJsonObject(body), 'ready') ?? false;
  return pagedReply(indexMessages(indexPages(server, isReadyOnly, slices)), '[', ']');
}

async function* indexMessages(
  pages: AsyncIterable<readonly ModelIndexEntry[]>,
): AsyncGenerator<readonly object[], void, void> {
  for await (const entries of pages) yield entries.map(indexMessage);
}

/** The parameters of a load or unload call. */
function parametersOf(hasRepository: boolean, body: Buffer): JsonObject {
  if (hasRepository) throw repositoryNamed();
  return objectMember(readJsonObject(body), 'parameters') ?? noObject;
}

export async function loadReply(
  context: HttpContext,
  model: string,
  hasRepository: boolean,
  body: Buffer,
): Promise<Reply> {
  const { server, slices, memory, modelCalls } = context;
  if (hasRepository) throw repositoryNamed();
  const isLarge = body.length > smallLoadBytes;
  // Decoded files have memory of their own, beside the body.
  const decodedBytes = isLarge ? body.length : 0;
  const { budget } = memory;
  if (isLarge) budget.reserveOrThrow(decodedBytes, body.length, decodedBytes);
  const read = async (): Promise<LoadOptions> => {
    const longTexts = isLarge ? await findLongTexts(body, slices) : undefined;
    const parameters = objectMember(readJsonObject(body, longTexts), 'parameters') ?? noObject;
    return loadOptions(parameters, slices);
  };
  try {
    await modelCalls.run(model, read, (options) => server.loadModel(model, options));
  } finally {
    budget.release(decodedBytes);
  }
  return emptyReply(200);
}

export async function unloadReply(
  { server, modelCalls }: HttpContext,
  model: string,
  hasRepository: boolean,
  body: Buffer,
): Promise<Reply> {
  const read = async (): Promise<boolean> =>
    booleanMember(parametersOf(hasRepository, body), 'unload_dependents') ?? false;
  await modelCalls.run(model, read, (unloadDependents) => server.unloadModel(model, { unloadDependents }));
  return emptyReply(200);
}

const repositoryNamed = (): InferenceError => unimplemented("'repository_name' specification is not supported");

async function loadOptions(parameters: JsonObject, slices: SliceQueue): Promise<LoadOptions> {
  const files = new Map<string, Uint8Array>();
  for (const [key, value] of parameters) {
    if (key === 'config') continue;
    if (!key.startsWith(filePrefix)) {
      throw invalidArgument(
        `unexpected error on creating Triton parameter: '${shownText(key)}' is no load parameter, expected 'config' or 'file:<path>'`,
      );
    }
    if (typeof value !== 'string' && !(value instanceof LongText)) throw wrongKind(key, 'string');
    const content = typeof value === 'string' ? decodeBase64(value) : await value.base64(slices);
    if (content === null) throw invalidArgument(`load parameter '${shownText(key)}' is not valid base64`);
    files.set(key.slice(filePrefix.length), content);
  }
  return { config: configText(parameters), files };
}

/** Null when absent. */
function configText(parameters: JsonObject): string | null {
  const config = parameters.get('config');
  if (!(config instanceof LongText)) return stringMember(parameters, 'config') ?? null;
  if (config.literal.length > maxConfigLiteralBytes) throw tooLong("load parameter 'config'", maxConfigLiteralBytes);
  try {
    return config.text();
  } catch {
    throw invalidArgument("load parameter 'config' has an invalid escape");
  }
}

/** A model that was never loaded has only a name. */
const indexMessage = ({ name, version, state, reason }: ModelIndexEntry): object => ({
  name,
  ...(version !== '' && { version }),
  ...(state !== '' && { state }),
  ...(reason !== '' && { reason }),
});
