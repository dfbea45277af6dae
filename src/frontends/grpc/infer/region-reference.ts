/**
 * The parameters by which a tensor of a request names a region of shared memory. The server keeps no regions, so a
 * well-formed reference ends in `not_found`, and a malformed one in an error that names the fault.
 */

import { invalidArgument, notFound } from '../../../errors.ts';
import type { TensorParameters } from '../../../inference/request-fields.ts';
import { shownText } from '../../../shown-text.ts';

export const namesRegion = ({ region, regionOffset, regionBytes }: TensorParameters): boolean =>
  region !== null || regionOffset !== null || regionBytes !== null;

/**
 * @throws InferenceError always: `invalid_argument` for an incomplete or negative reference, `not_found` for one that
 * is
 *         complete.
 */
export function refuseRegion({ region, regionOffset, regionBytes }: TensorParameters, tensorName: string): never {
  const tensor = `for tensor '${shownText(tensorName)}'`;
  if (region === null) {
    const key = regionOffset === null ? 'shared_memory_byte_size' : 'shared_memory_offset';
    throw invalidArgument(`'${key}' can not be specified without 'shared_memory_region' parameter ${tensor}`);
  }
  if (regionBytes === null) {
    throw invalidArgument(
      `'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter ${tensor}`,
    );
  }
  if (regionBytes < 0) throw negative('shared_memory_byte_size', tensor);
  if (regionOffset !== null && regionOffset < 0) throw negative('shared_memory_offset', tensor);
  throw notFound(`Unable to find shared memory region: '${shownText(region)}'`);
}

const negative = (key: string, tensor: string) =>
  invalidArgument(`invalid value for '${key}' parameter ${tensor}, expected value >= 0.`);
