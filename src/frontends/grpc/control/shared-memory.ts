/**
 * Shared memory regions, which this server does not have. The form of a request is checked as if it were served, and then
 * the missing feature is named, so that no caller believes that the call succeeded.
 */

import { type InferenceError, invalidArgument, notFound, unimplemented } from '../../../errors.ts';
import { shownText } from '../../../shown-text.ts';
import { controlMethod } from './control-method.ts';
import type { MethodTable } from '../method-table.ts';

type RegionKind = 'system' | 'cuda';

interface RegionName {
  readonly name: string;
}

interface SystemRegion extends RegionName {
  readonly key: string;
  readonly byte_size: string;
}

interface CudaRegion extends RegionName {
  readonly raw_handle: Uint8Array;
  readonly device_id: string;
  readonly byte_size: string;
}

/** sizeof(cudaIpcMemHandle_t) */
const cudaHandleBytes = 64;

/** Triton's text; clients look for its first sentence. */
const regionsAreDisabled = (): InferenceError =>
  unimplemented(`Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.`);

export const sharedMemoryTable: MethodTable = {
  api: 'shared-memory',
  methods: ({ protocol }) => [
    controlMethod(protocol, 'SystemSharedMemoryStatus', ({ name }: RegionName) => regionStatus('system', name)),
    controlMethod(protocol, 'SystemSharedMemoryRegister', (region: SystemRegion) => {
      refuseNameless(region.name, 'system');
      if (region.key === '') throw missing('key');
      if (region.byte_size === '0') throw missing('byte_size');
      throw regionsAreDisabled();
    }),
    controlMethod(protocol, 'SystemSharedMemoryUnregister', () => {
      throw regionsAreDisabled();
    }),
    controlMethod(protocol, 'CudaSharedMemoryStatus', ({ name }: RegionName) => regionStatus('cuda', name)),
    controlMethod(protocol, 'CudaSharedMemoryRegister', (region: CudaRegion) => {
      refuseNameless(region.name, 'cuda');
      if (region.raw_handle.length === 0) throw missing('raw_handle');
      if (region.raw_handle.length !== cudaHandleBytes) {
        throw invalidArgument(
          `'raw_handle' must be a valid cudaIpcMemHandle_t of ${cudaHandleBytes} bytes, got ${region.raw_handle.length}`,
        );
      }
      if (region.device_id.startsWith('-')) throw invalidArgument(`'device_id' must not be negative`);
      if (region.byte_size === '0') throw missing('byte_size');
      throw regionsAreDisabled();
    }),
    controlMethod(protocol, 'CudaSharedMemoryUnregister', () => {
      throw regionsAreDisabled();
    }),
  ],
};

function regionStatus(kind: RegionKind, name: string): object {
  if (name !== '') throw notFound(`Unable to find ${kind} shared memory region: '${shownText(name)}'`);
  return { regions: {} };
}

function refuseNameless(name: string, kind: RegionKind): void {
  if (name === '') throw invalidArgument(`'region name' is necessary to register ${kind} shared memory region`);
}

const missing = (field: string): InferenceError =>
  invalidArgument(`Shared memory register request has no '${field}' field`);
