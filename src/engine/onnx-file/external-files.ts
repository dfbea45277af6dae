/**
 * Checks the files to which a model's tensors refer before the runtime opens them. Each must be a regular file that
 * holds the claimed bytes, in the model's folder or in the folder of the file to which the model file links.
 *
 * The second folder is ONNX Runtime's own rule, for caches that store files apart and link them together (Hugging
 * Face's `snapshots/<revision>/model.onnx` → `blobs/<hash>`, with the data beside it in `blobs`). It is safe: the owner
 * of the repository makes links, the author of the model only writes locations, and a location reaches only files that
 * are beside the model.
 */

import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, sep } from 'node:path';
import { type InferenceError, invalidArgument, unavailable } from '../../errors.ts';
import { fileThreads } from '../../file-threads.ts';
import { quoted } from '../../shown-text.ts';
import type { ModelFile } from '../engine.ts';
import type { ExternalReference, OnnxFileFacts } from './onnx-facts.ts';

/** A file that belongs to a model. */
export interface ExternalFile {
  /** As the model writes it, relative to the model file. */
  readonly location: string;
  /** Absolute, symbolic links resolved. */
  readonly path: string;
  readonly sizeBytes: number;
}

/** ONNX Runtime reads this location as "the offset is an address in this process"; no file may contain it. */
const addressTag = '*/_ORT_MEM_ADDR_/*';

/**
 * The files behind all external tensors of a model, each once. Rejects `invalid_argument` for a reference that can
 * never be right, `unavailable` for a file that is missing or still too short, naming tensor, location and reason.
 */
export async function checkExternalFiles(
  facts: Pick<OnnxFileFacts, 'externalData'>,
  modelFile: ModelFile,
): Promise<readonly ExternalFile[]> {
  if (facts.externalData.length === 0) return [];
  const files = new Map<string, ExternalFile>();
  const places: Places = {
    beside: await realPathOf(dirname(modelFile.path)),
    allowed: [
      await realPathOf(modelFile.folder),
      dirname(await realPathOf(modelFile.path).catch(() => modelFile.path)),
    ],
  };
  for (const reference of facts.externalData) {
    const end = lastByte(reference);
    let file = files.get(reference.location);
    if (file === undefined) {
      file = await findFile(reference, places);
      files.set(reference.location, file);
    }
    if (end > file.sizeBytes) {
      throw unavailable(`${subject(reference)}: bytes up to ${end} are needed, the file has ${file.sizeBytes}`);
    }
  }
  return [...files.values()];
}

/** The path with every link followed. Rejects as `realpath`. */
export const realPathOf = (path: string): Promise<string> => fileThreads.contents(() => realpath(path));

const subject = ({ tensor, location }: ExternalReference): string =>
  `external data of tensor ${quoted(tensor)} in ${quoted(location)}`;

const refused = (reference: ExternalReference, reason: string): InferenceError =>
  invalidArgument(`${subject(reference)}: ${reason}`);

/** The folder from which locations are relative, and the folders in which they must end; absolute, links resolved. */
interface Places {
  readonly beside: string;
  readonly allowed: readonly string[];
}

async function findFile(reference: ExternalReference, { beside, allowed }: Places): Promise<ExternalFile> {
  const { location } = reference;
  if (location === '') throw refused(reference, 'the location is empty');
  if (location.includes('\0')) throw refused(reference, 'the location contains a NUL character');
  if (location.startsWith(addressTag)) throw refused(reference, 'the location is a memory address');
  if (isAbsolute(location)) throw refused(reference, 'the location is absolute, expected one relative to the model');
  const outside = "the location leaves the model's folder";
  let path: string;
  try {
    // Not joined: that would fold `link/..` away before the link is followed, and the runtime follows it.
    path = await realPathOf(beside + sep + location);
  } catch (error) {
    // A location outside gets the same error whether or not its target exists.
    if (!isInside(join(beside, location), allowed)) throw refused(reference, outside);
    throw unavailable(`${subject(reference)}: the file does not exist or cannot be read`, error);
  }
  if (!isInside(path, allowed)) throw refused(reference, outside);
  const facts = await fileThreads.contents(() => stat(path));
  if (!facts.isFile()) throw refused(reference, 'this is no regular file');
  // The runtime would fail with the number of an error alone.
  await fileThreads
    .contents(() => access(path, constants.R_OK))
    .catch((error: NodeJS.ErrnoException) => {
      throw unavailable(`${subject(reference)}: the file may not be read by this user (${error.code})`, error);
    });
  return { location, path, sizeBytes: facts.size };
}

const isInside = (path: string, folders: readonly string[]): boolean =>
  folders.some((folder) => path.startsWith(folder.endsWith(sep) ? folder : folder + sep));

/** Offset of the byte after the last that the tensor takes. */
function lastByte(reference: ExternalReference): number {
  const offset = wholeNumber(reference, 'offset', reference.offset) ?? 0;
  const length = wholeNumber(reference, 'length', reference.length);
  const { tensorBytes } = reference;
  if (length !== null && tensorBytes !== null && length < tensorBytes) {
    throw refused(reference, `the length is ${length}, the tensor's shape and type need ${tensorBytes}`);
  }
  const end = offset + (length ?? tensorBytes ?? 0);
  if (!Number.isSafeInteger(end)) throw refused(reference, 'offset and length together are out of range');
  return end;
}

function wholeNumber(reference: ExternalReference, what: string, text: string | null): number | null {
  if (text === null) return null;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) {
    const given = quoted(text);
    throw refused(reference, `the ${what} is ${given}, expected a whole number from 0 to 2^53`);
  }
  return number;
}
