/** Header blocks to header fields (RFC 7541), for the client's side of one connection. */

import { decodeHuffman } from './huffman-decoder.ts';

export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

const field = (name: string, value = ''): HeaderField => ({ name, value });

/** RFC 7541, appendix A. */
const staticTable: readonly HeaderField[] = [
  field(':authority'),
  field(':method', 'GET'),
  field(':method', 'POST'),
  field(':path', '/'),
  field(':path', '/index.html'),
  field(':scheme', 'http'),
  field(':scheme', 'https'),
  ...['200', '204', '206', '304', '400', '404', '500'].map((status) => field(':status', status)),
  field('accept-charset'),
  field('accept-encoding', 'gzip, deflate'),
  ...[
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control',
    'content-disposition content-encoding content-language content-length content-location content-range content-type',
    'cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since',
    'last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after',
    'server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate',
  ]
    .flatMap((names) => names.split(' '))
    .map((name) => field(name)),
];

const entryOverheadBytes = 32;

export class HpackDecoder {
  /** Newest first. */
  readonly #dynamic: HeaderField[] = [];
  #dynamicBytes = 0;
  #maxBytes = 4096;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** The fields of one whole block. Throws on a malformed one, after which the connection is of no more use. */
  decode(block: Uint8Array): HeaderField[] {
    this.#bytes = block;
    this.#at = 0;
    const fields: HeaderField[] = [];
    while (this.#at < block.length) {
      const first = block[this.#at];
      if ((first & 0x80) !== 0) {
        fields.push(this.#lookUp(this.#integer(7)));
      } else if ((first & 0x40) !== 0) {
        const added = this.#literal(6);
        fields.push(added);
        this.#add(added);
      } else if ((first & 0x20) !== 0) {
        this.#maxBytes = this.#integer(5);
        this.#evict();
      } else {
        fields.push(this.#literal(4));
      }
    }
    return fields;
  }

  #literal(prefixBits: number): HeaderField {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#string() : this.#lookUp(index).name;
    return { name, value: this.#string() };
  }

  #lookUp(index: number): HeaderField {
    const found = index <= staticTable.length ? staticTable[index - 1] : this.#dynamic[index - staticTable.length - 1];
    if (found === undefined) throw new Error(`HPACK: index ${index} is in no table`);
    return found;
  }

  #add(added: HeaderField): void {
    this.#dynamic.unshift(added);
    this.#dynamicBytes += added.name.length + added.value.length + entryOverheadBytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#dynamicBytes > this.#maxBytes) {
      const oldest = this.#dynamic.pop();
      if (oldest === undefined) return;
      this.#dynamicBytes -= oldest.name.length + oldest.value.length + entryOverheadBytes;
    }
  }

  #integer(prefixBits: number): number {
    const limit = (1 << prefixBits) - 1;
    let value = this.#byte() & limit;
    if (value < limit) return value;
    let scale = 1;
    let next: number;
    do {
      next = this.#byte();
      value += (next & 0x7f) * scale;
      scale *= 128;
      if (scale > 2 ** 35) throw new Error('HPACK: an integer that is too long');
    } while ((next & 0x80) !== 0);
    return value;
  }

  #string(): string {
    const isHuffman = (this.#bytes[this.#at] & 0x80) !== 0;
    const length = this.#integer(7);
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Error('HPACK: a string that ends after its block');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return isHuffman ? decodeHuffman(bytes) : Buffer.from(bytes).toString('latin1');
  }

  #byte(): number {
    if (this.#at >= this.#bytes.length) throw new Error('HPACK: a block that ends inside a field');
    return this.#bytes[this.#at++];
  }
}
