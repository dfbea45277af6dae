/**
 * The parameters by which a tensor of a request names a region of shared memory. The server keeps no regions, so a
 * reference that is well formed ends in `not_found`; one that is not says what is wrong with it (grpc.md §4.3).
 */

import { invalidArgument, notFound } from '../../errors.ts';
import type { ParameterEntry } from './parameter-entry.ts';

const keys = ['shared_memory_region', 'shared_memory_offset', 'shared_memory_byte_size'] as const;

type RegionKey = (typeof keys)[number];

/** What one tensor said; made only for tensors that have such a parameter. */
export interface RegionReference {
  region: string | null;
  offset: number | bigint | null;
  byteSize: number | bigint | null;
}

/** Takes the entry in when it belongs to a region. Returns the reference with it, or what was given. */
export function addRegionParameter(
  reference: RegionReference | null,
  { key, kind, value }: ParameterEntry,
  tensorName: string,
): RegionReference | null {
  if (!isRegionKey(key)) return reference;
  const expected = key === 'shared_memory_region' ? 'string' : 'int64';
  if (kind !== expected) {
    throw invalidArgument(
      `invalid value type for '${key}' parameter for tensor '${tensorName}', expected ${expected}_param.`,
    );
  }
  const known = reference ?? { region: null, offset: null, byteSize: null };
  if (typeof value === 'string') known.region = value;
  else if (key === 'shared_memory_offset') known.offset = value as number | bigint;
  else known.byteSize = value as number | bigint;
  return known;
}

/**
 * @throws InferenceError always: `invalid_argument` for an incomplete or negative reference, `not_found` for one that is
 *         complete.
 */
export function refuseRegion({ region, offset, byteSize }: RegionReference, tensorName: string): never {
  const tensor = `for tensor '${tensorName}'`;
  if (region === null) {
    const key = offset === null ? 'shared_memory_byte_size' : 'shared_memory_offset';
    throw invalidArgument(`'${key}' can not be specified without 'shared_memory_region' parameter ${tensor}`);
  }
  if (byteSize === null) {
    throw invalidArgument(
      `'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter ${tensor}`,
    );
  }
  if (byteSize < 0) throw negative('shared_memory_byte_size', tensor);
  if (offset !== null && offset < 0) throw negative('shared_memory_offset', tensor);
  throw notFound(`Unable to find shared memory region: '${region}'`);
}

const negative = (key: RegionKey, tensor: string) =>
  invalidArgument(`invalid value for '${key}' parameter ${tensor}, expected value >= 0.`);

const isRegionKey = (key: string): key is RegionKey => (keys as readonly string[]).includes(key);
