/**
 * HPACK's dynamic table (RFC 7541 2.3.2, 4), for either side: a ring of header fields in order of arrival. It knows
 * neither the static table's indices nor the rules for changing the size.
 */

import type { HeaderField } from '../header-field.ts';

const initialSlots = 16;

export class DynamicTable {
  readonly #evicted: ((field: HeaderField) => void) | null;
  /** A power of two of slots; empty ones hold undefined so that an evicted field can be collected. */
  #slots: (HeaderField | undefined)[] = new Array<HeaderField | undefined>(initialSlots).fill(undefined);
  /** Fields ever added; the newest is in slot `inserted - 1`, modulo the number of slots. */
  #inserted = 0;
  #length = 0;
  #sizeBytes = 0;
  #maxBytes: number;

  /** @param evicted Called with each evicted field, oldest first. */
  constructor(maxBytes: number, evicted: ((field: HeaderField) => void) | null = null) {
    this.#maxBytes = maxBytes;
    this.#evicted = evicted;
  }

  get length(): number {
    return this.#length;
  }

  /** Sum of the entries' `sizeBytes`. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** How many fields were ever added: the n-th (from 1) is now at `inserted - n`, unless evicted. */
  get inserted(): number {
    return this.#inserted;
  }

  /** The entry at a position, 0 for the newest; undefined where there is none. */
  at(position: number): HeaderField | undefined {
    if (position >= this.#length) return undefined;
    const slots = this.#slots;
    return slots[(this.#inserted - 1 - position) & (slots.length - 1)];
  }

  /** Makes room and adds. A field larger than the whole table empties it and is not added (RFC 7541 4.4). */
  add(field: HeaderField): void {
    this.#shrinkTo(this.#maxBytes - field.sizeBytes);
    if (field.sizeBytes > this.#maxBytes) return;
    if (this.#length === this.#slots.length) this.#grow();
    const slots = this.#slots;
    slots[this.#inserted & (slots.length - 1)] = field;
    this.#inserted++;
    this.#length++;
    this.#sizeBytes += field.sizeBytes;
  }

  /** Changes the maximum size and evicts what no longer fits (RFC 7541 4.3). */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#shrinkTo(maxBytes);
  }

  #shrinkTo(bytes: number): void {
    while (this.#sizeBytes > bytes && this.#length > 0) {
      const slots = this.#slots;
      const slot = (this.#inserted - this.#length) & (slots.length - 1);
      const oldest = slots[slot] as HeaderField;
      slots[slot] = undefined;
      this.#length--;
      this.#sizeBytes -= oldest.sizeBytes;
      if (this.#evicted !== null) this.#evicted(oldest);
    }
  }

  /** Doubles the ring; entries keep their insertion numbers, so they move to the slots those have in the larger one. */
  #grow(): void {
    const old = this.#slots;
    const slots = new Array<HeaderField | undefined>(old.length * 2).fill(undefined);
    for (let n = this.#inserted - this.#length; n < this.#inserted; n++) {
      slots[n & (slots.length - 1)] = old[n & (old.length - 1)];
    }
    this.#slots = slots;
  }
}
