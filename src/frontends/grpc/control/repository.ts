/** Index, load and unload: the parameters are checked here, everything else is the server's. Texts are Triton's. */

import { type InferenceError, invalidArgument, unimplemented } from '../../../errors.ts';
import { tooLong } from '../../../inference/request-limits.ts';
import { maxConfigBytes } from '../../../model-config/syntax/text-format.ts';
import type { LoadOptions } from '../../../server/inference-server.ts';
import { shownText } from '../../../shown-text.ts';
import { controlMethod, pagedMethod } from './control-method.ts';
import { indexPages } from '../../v2/pages.ts';
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
const maxLoadParameters = 10_000;

/** An entry of the map, its key, its value, and the value's one field. */
const fieldsPerParameter = 4;

export const repositoryTable: MethodTable = {
  api: 'model-repository',
  methods: ({ protocol, server, slices, isLeaving }) => [
    pagedMethod(
      protocol,
      'RepositoryIndex',
      async function* ({ repository_name, ready }: { repository_name: string; ready: boolean }) {
        refuseRepositoryName(repository_name);
        for await (const page of indexPages(server, ready, slices)) yield { models: page };
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
      // Files are views of the message, and a load that was cancelled may still be writing them to the disk.
      { check: refuseCostlyLoad, keepsMessage: true },
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
      throw invalidArgument(`unrecognized load parameter '${shownText(key)}'.`);
    }
  }
  return { config, files };
}

const wrongLoadType = (key: string, expected: string): InferenceError =>
  invalidArgument(`invalid value type for load parameter '${shownText(key)}', expected ${expected}.`);

function unloadsDependents({ parameters }: ModelControlRequest): boolean {
  const key = 'unload_dependents';
  if (!Object.hasOwn(parameters, key)) return false;
  const parameter = parameters[key] as RepositoryParameter;
  if (parameter.parameter_choice === 'bool_param') return parameter.bool_param ?? false;
  throw invalidArgument(`invalid value type for '${shownText(key)}' parameter, expected bool_param.`);
}

/**
 * Refuses a load that would take long to decode. Only files may be large: they are views of the message.
 *
 * @throws InferenceError `invalid_argument`
 */
function refuseCostlyLoad(message: Buffer): void {
  const reader = new WireReader(message);
  const left = { fields: maxLoadParameters * fieldsPerParameter, textBytes: maxConfigBytes };
  let parameters = 0;
  walkFields(reader, left, (field) => {
    if (field !== requestParametersField) passText(reader, left);
    else if (++parameters > maxLoadParameters) throw tooManyParameters();
    else walkNested(reader, left, walkEntry);
  });
}

const tooManyParameters = (): InferenceError => invalidArgument(`a load has at most ${maxLoadParameters} parameters`);

/** The remaining limits of a load. */
interface LoadLimits {
  fields: number;
  /** Bytes of names and configuration together. */
  textBytes: number;
}

/** Of RepositoryModelLoadRequest, of a map's entry, and of ModelRepositoryParameter. */
const requestParametersField = 3;
const entryValueField = 2;
const bytesParameterField = 4;

function walkEntry(reader: WireReader, left: LoadLimits, field: number): void {
  if (field === entryValueField) walkNested(reader, left, walkParameter);
  else passText(reader, left);
}

function walkParameter(reader: WireReader, left: LoadLimits, field: number): void {
  if (field === bytesParameterField) reader.advance(reader.readLength());
  else passText(reader, left);
}

/** Calls `visit` at each field that has a length; `visit` moves the reader to the end of the field. */
function walkFields(reader: WireReader, left: LoadLimits, visit: (field: number) => void): void {
  while (reader.at < reader.limit) {
    if (--left.fields < 0) throw tooManyParameters();
    const tag = reader.readTag();
    if ((tag & 7) === 2) visit(tag >>> 3);
    else reader.skipUnknown(tag, 0);
  }
}

function walkNested(
  reader: WireReader,
  left: LoadLimits,
  visit: (reader: WireReader, left: LoadLimits, field: number) => void,
): void {
  const outer = reader.enter();
  walkFields(reader, left, (field) => visit(reader, left, field));
  reader.leave(outer);
}

function passText(reader: WireReader, left: LoadLimits): void {
  const length = reader.readLength();
  left.textBytes -= length;
  if (left.textBytes < 0) throw tooLong('the text of the load request', maxConfigBytes);
  reader.advance(length);
}
