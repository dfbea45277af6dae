/**
 * The tensors of a record. A record contains the places of their bytes: page, offset and length. Bytes that are in a
 * page of the arena already are leased there; others are copied into a page.
 */

import { type Datatype, datatypes } from '../../tensor/datatype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { hostBytes, memoryOf, RegionBytes } from '../../tensor/tensor-bytes.ts';
import type { Page } from '../pages/page.ts';
import type { PageArena } from '../pages/page-arena.ts';
import type { PageTable } from '../pages/page-table.ts';
import { type RecordReader, type RecordWriter, textNumbers } from './record.ts';

const datatypeNames = Object.keys(datatypes) as Datatype[];
const datatypeCodes: ReadonlyMap<Datatype, number> = new Map(datatypeNames.map((name, code) => [name, code]));

export type PageBytes = RegionBytes<Page>;

/** The place of a record, and the memory that the writer releases when the other side has read it. */
export class WrittenRecord {
  readonly page: Page;
  readonly start: number;
  /** The bytes of its tensors, each leased or copied once. */
  readonly places: readonly PageBytes[];
  /** Bytes for the account of the writing thread. */
  readonly countedBytes: number;

  constructor(page: Page, start: number, places: readonly PageBytes[], countedBytes: number) {
    this.page = page;
    this.start = start;
    this.places = places;
    this.countedBytes = countedBytes;
  }

  /** Called once, when no thread reads the record or its tensors any more. */
  release(arena: PageArena): void {
    const { places } = this;
    for (let i = 0; i < places.length; i++) arena.release((places[i] as PageBytes).region);
    arena.release(this.page);
  }
}

export const noPlaces: readonly PageBytes[] = [];

/** Places of these tensors that the other thread can read, in the order of the tensors. */
export function placeTensors(arena: PageArena, tensors: readonly Tensor[]): PageBytes[] {
  const places = new Array<PageBytes>(tensors.length);
  for (let i = 0; i < tensors.length; i++) {
    const { data } = tensors[i] as Tensor;
    places[i] = arena.lease(data) ?? arena.copy(hostBytes(data));
  }
  return places;
}

/** The size of those tensors that `placeTensors` copies, because they are in no page of the arena. */
export function bytesToCopy(arena: PageArena, tensors: readonly Tensor[]): number {
  let bytes = 0;
  for (let i = 0; i < tensors.length; i++) {
    const { data } = tensors[i] as Tensor;
    if (arena.pageOf(memoryOf(data)) === undefined) bytes += data.length;
  }
  return bytes;
}

export function writeTensor(writer: RecordWriter, { name, datatype, shape }: Tensor, place: PageBytes): void {
  writer.name(name);
  writer.number(datatypeCodes.get(datatype) as number);
  writer.number(shape.length);
  for (let d = 0; d < shape.length; d++) writer.number(shape[d] as number);
  writer.number(place.region.id);
  writer.number(place.offset);
  writer.number(place.length);
}

/** The bytes of the tensor are part of a page of the other thread. */
export function readTensor(pages: PageTable, reader: RecordReader): Tensor {
  const name = reader.text();
  const datatype = datatypeNames[reader.number()];
  if (datatype === undefined) throw new RangeError('a tensor in a record has no datatype');
  const rank = reader.count();
  const shape: number[] = [];
  for (let d = 0; d < rank; d++) shape.push(reader.number());
  const page = pages.find(reader.number());
  const offset = reader.number();
  return { name, datatype, shape, data: new RegionBytes(page, offset, reader.number()) };
}

/** The most numbers that a tensor takes in a record. */
export const tensorNumbers = ({ name, shape }: Tensor): number => textNumbers(name) + shape.length + 5;
