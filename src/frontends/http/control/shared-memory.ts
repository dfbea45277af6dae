/**
 * Shared memory endpoints. This server takes no client memory: registration is refused after its form has
 * been checked, so that a client gets the error for its own mistake first; the status is always empty.
 */

import { type InferenceError, invalidArgument, notFound, unimplemented } from '../../../errors.ts';
import { shownText } from '../../../shown-text.ts';
import { decodeBase64 } from '../json/base64.ts';
import { objectMember, readJsonObject, stringMember, unsignedMember } from '../json/value.ts';
import { jsonReply, type Reply } from '../reply.ts';
import type { SharedMemoryKind } from '../routes.ts';

/** Registering and unregistering are off. */
export const sharedMemoryDisabled = (): InferenceError =>
  unimplemented("Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.");

/** The regions: always none. `region` '' asks for all. */
export function regionStatusReply(kind: SharedMemoryKind, region: string): Reply {
  if (region !== '') throw notFound(`Unable to find ${kind} shared memory region: '${shownText(region)}'`);
  return jsonReply('[]');
}

/** The error for a registration. */
export function registrationRefusal(kind: SharedMemoryKind, region: string, body: Buffer): InferenceError {
  if (region === '') {
    return invalidArgument(`'region name' is necessary to register ${kind} shared memory region`);
  }
  const request = readJsonObject(body);
  if (kind === 'cuda') {
    const handle = objectMember(request, 'raw_handle');
    if (handle === undefined) return missing('raw_handle');
    if (decodeBase64(stringMember(handle, 'b64') ?? '')?.length !== cudaHandleBytes) {
      return invalidArgument("'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t");
    }
    unsignedMember(request, 'device_id');
  } else {
    const key = stringMember(request, 'key');
    if (key === undefined) return missing('key');
    const refusal = keyRefusal(region, key);
    if (refusal !== null) return refusal;
    unsignedMember(request, 'offset');
  }
  if (unsignedMember(request, 'byte_size') === undefined) return missing('byte_size');
  return sharedMemoryDisabled();
}

const cudaHandleBytes = 64;
const reservedKeyPrefix = 'triton_python_backend_shm_region_';

/** A POSIX shared memory name is one path segment, with or without slashes before it. */
const sharedMemoryName = /^\/*([^/]+)$/;

function keyRefusal(region: string, key: string): InferenceError | null {
  const name = sharedMemoryName.exec(key)?.[1];
  const subject = `cannot register shared memory region '${shownText(region)}' with key '${shownText(key)}'`;
  if (name === undefined || name === '.' || name === '..' || name.includes('\0')) {
    return invalidArgument(`${subject} - invalid shm key`);
  }
  if (!name.startsWith(reservedKeyPrefix)) return null;
  return invalidArgument(`${subject} as the key contains the reserved prefix '${reservedKeyPrefix}'`);
}

const missing = (field: string): InferenceError =>
  invalidArgument(`Shared memory register request has no '${field}' field`);
