/** One varint of InferTensorContents → an element of its datatype. */

import type { Datatype } from '../../../tensor/datatype.ts';
import type { WireReader } from '../wire/reader.ts';

/**
 * Reads a varint and writes it to `data` at `to`.
 *
 * @returns the position of the next element, or -1 when the number is out of the datatype's range. (Triton uses the low
 *          bits of such a number.)
 */
export function writeVarintElement(
  reader: WireReader,
  datatype: Datatype,
  data: Uint8Array,
  view: DataView,
  to: number,
): number {
  reader.readVarint();
  const { low } = reader;
  switch (datatype) {
    case 'BOOL':
      data[to] = (low | reader.high) !== 0 ? 1 : 0;
      return to + 1;
    case 'INT8':
    case 'UINT8':
      if (!isWithin(low, datatype)) return -1;
      data[to] = low;
      return to + 1;
    case 'INT16':
    case 'UINT16':
      if (!isWithin(low, datatype)) return -1;
      view.setUint16(to, low, true);
      return to + 2;
    case 'INT32':
    case 'UINT32':
      view.setUint32(to, low, true);
      return to + 4;
    default:
      view.setUint32(to, low, true);
      view.setUint32(to + 4, reader.high, true);
      return to + 8;
  }
}

type NarrowDatatype = 'INT8' | 'UINT8' | 'INT16' | 'UINT16';

const narrowRanges: Readonly<Record<NarrowDatatype, readonly [least: number, most: number]>> = {
  INT8: [-128, 127],
  UINT8: [0, 255],
  INT16: [-32768, 32767],
  UINT16: [0, 65535],
};

function isWithin(low: number, datatype: NarrowDatatype): boolean {
  const [least, most] = narrowRanges[datatype];
  const value = least < 0 ? low | 0 : low;
  return value >= least && value <= most;
}

/** For the refusal of a number that is out of range. */
export const rangeText = (datatype: Datatype): string => narrowRanges[datatype as NarrowDatatype].join('…');
