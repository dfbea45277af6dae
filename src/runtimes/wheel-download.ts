/**
 * Downloads wheels of the lock file from a package index. An interrupted download goes on where it ended, in this run or in
 * the next; a file counts only when its size and SHA-256 are those of the lock file.
 */

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { failedPrecondition, InferenceError, unavailable } from '../errors.ts';
import { withoutCredentials } from './credentials.ts';
import type { LockedWheel } from './runtime-lock.ts';
import { acceptedPages, findLink } from './simple-index.ts';
import type { WebAnswer, WebClient } from './web-client.ts';

/** Called with the bytes of a file that are there, and those it will have. */
type Progress = (done: number, total: number) => void;

interface Source {
  readonly client: WebClient;
  /** Addresses of indexes, with a slash at the end. */
  readonly indexUrls: readonly string[];
  /** Waits between two attempts. */
  readonly wait: (ms: number) => Promise<void>;
}

/** Larger than the page of any project. */
const maxPageBytes = 64 * 2 ** 20;
const attempts = 6;

async function pageText({ body, url }: WebAnswer): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxPageBytes) throw unavailable(`the page ${url} is larger than ${maxPageBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What an index answers that does not have, or does not show, a page or a file. */
function statusProblem({ status, url }: WebAnswer): InferenceError {
  if (status === 401 || status === 403 || status === 407) {
    return failedPrecondition(
      `${url} is answered with ${status}: the index wants other credentials; put them in the address ` +
        '(https://user:password@host/simple) or in ~/.netrc',
    );
  }
  return unavailable(`${url} is answered with ${status}`);
}

/** The address of a wheel, with the credentials of the index where both are on one host. */
async function findWheel(wheel: LockedWheel, { client, indexUrls }: Source): Promise<string> {
  const misses: string[] = [];
  for (const index of indexUrls) {
    const address = new URL(`${wheel.project}/`, index);
    const answer = await client.get(address.href, { accept: acceptedPages, 'accept-encoding': 'identity' });
    if (answer.status !== 200) {
      answer.body.destroy();
      if (answer.status !== 404) throw statusProblem(answer);
      misses.push(`${withoutCredentials(address)} does not exist`);
      continue;
    }
    const link = readLink(answer, await pageText(answer), wheel);
    if (link === null) {
      misses.push(`${answer.url} does not list it`);
    } else if (link.sha256 !== null && link.sha256 !== wheel.sha256) {
      misses.push(`${answer.url} lists it with SHA-256 ${link.sha256}, the lock file has ${wheel.sha256}`);
    } else {
      return withCredentialsOf(link.url, index);
    }
  }
  throw failedPrecondition(`the package index has no usable ${wheel.file}: ${misses.join('; ')}`);
}

function readLink({ headers, url }: WebAnswer, text: string, { file }: LockedWheel) {
  try {
    return findLink(text, headers['content-type'] ?? '', url, file);
  } catch (error) {
    throw failedPrecondition(`the page ${url} of the package index cannot be read`, error);
  }
}

function withCredentialsOf(address: string, index: string): string {
  const [url, from] = [new URL(address), new URL(index)];
  if (url.origin !== from.origin) return address;
  url.username ||= from.username;
  url.password ||= from.password;
  return url.href;
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** The SHA-256 of a file, in hexadecimal. */
async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  return hash.digest('hex');
}

/** What is wrong with a file that should be this wheel; null when it is the one. */
export async function wheelProblem(path: string, wheel: LockedWheel): Promise<string | null> {
  const bytes = sizeOf(path);
  if (bytes !== wheel.bytes) return `it has ${bytes} bytes, the lock file says ${wheel.bytes}`;
  const sha256 = await sha256Of(path);
  return sha256 === wheel.sha256 ? null : `its SHA-256 is ${sha256}, the lock file says ${wheel.sha256}`;
}

/** Adds to the file what is missing. The answer to a range that the server does not know is the whole file. */
async function fetchRest(url: string, path: string, wheel: LockedWheel, client: WebClient, progress: Progress) {
  const have = sizeOf(path);
  if (have === wheel.bytes) return;
  const range = have > 0 ? { range: `bytes=${have}-` } : {};
  const answer = await client.get(url, { accept: '*/*', 'accept-encoding': 'identity', ...range });
  const isRest = answer.status === 206 && answer.headers['content-range']?.startsWith(`bytes ${have}-`);
  if (!isRest && answer.status !== 200) {
    answer.body.destroy();
    // Asked for what lies behind the end, or for something odd: from the start, next time.
    if (answer.status === 416 || answer.status === 206) rmSync(path, { force: true });
    throw statusProblem(answer);
  }
  let done = isRest ? have : 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      done += chunk.length;
      progress(Math.min(done, wheel.bytes), wheel.bytes);
      next(done > wheel.bytes ? new Error(`it is larger than the ${wheel.bytes} bytes of the lock file`) : null, chunk);
    },
  });
  await pipeline(answer.body, count, createWriteStream(path, { flags: isRest ? 'a' : 'w' }));
}

/** Whether another attempt could end otherwise: the network may, a full disk or a refusal does not. */
function isPassing(error: unknown): boolean {
  if (error instanceof InferenceError) return error.code === 'unavailable';
  return !['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EIO', 'EFBIG'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  );
}

/**
 * Brings a wheel into `folder` and returns its path. A file of an earlier run that is right is taken as it is.
 *
 * Rejects with `unavailable` when the index cannot be reached, with `failed_precondition` when it has another file, and
 * with the error of the file system when the file cannot be written.
 */
export async function downloadWheel(
  wheel: LockedWheel,
  folder: string,
  source: Source,
  progress: Progress,
): Promise<string> {
  const path = join(folder, wheel.file);
  if (existsSync(path) && (await wheelProblem(path, wheel)) === null) return path;
  // Named by its content, so that two releases of a wheel never continue each other's files.
  const part = join(folder, `${wheel.sha256}.part`);
  let mayRestart = true;
  for (let attempt = 1; ; attempt++) {
    const resumed = sizeOf(part) > 0;
    try {
      if (sizeOf(part) > wheel.bytes) rmSync(part);
      if (sizeOf(part) < wheel.bytes)
        await fetchRest(await findWheel(wheel, source), part, wheel, source.client, progress);
      const problem = await wheelProblem(part, wheel);
      if (problem === null) {
        renameSync(part, path);
        return path;
      }
      // Cut short is the network's doing; complete and wrong is the beginning's, once, or the index's.
      if (sizeOf(part) < wheel.bytes) throw unavailable(`the download of ${wheel.file} ended early: ${problem}`);
      rmSync(part);
      if (!resumed || !mayRestart)
        throw failedPrecondition(`${wheel.file} is not the file of the lock file: ${problem}`);
      mayRestart = false;
    } catch (error) {
      if (!isPassing(error) || attempt >= attempts) throw isPassing(error) ? givenUp(wheel, error) : error;
      await source.wait(500 * 2 ** attempt);
    }
  }
}

function givenUp({ file }: LockedWheel, error: unknown): InferenceError {
  const reason = error instanceof Error ? error.message : String(error);
  return unavailable(
    `${file} could not be downloaded: ${reason}; the same command goes on where this one ended, ` +
      '--index-url names another index, and --from=DIR takes wheels from a folder',
    error,
  );
}
