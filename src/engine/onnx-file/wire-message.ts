/**
 * The result of scanning one protobuf message: the fields that its rule asks for, and its place in the source. The
 * rules are a reduced schema; fields that a rule does not name are skipped unread.
 */

export type FieldRule =
  /** string or bytes, decoded as UTF-8. */
  | { readonly kind: 'text' }
  /** Varint as a signed 64-bit number; exact up to 2^53. Packed or not. */
  | { readonly kind: 'integer' }
  /** The same as decimal text, exact. */
  | { readonly kind: 'decimal' }
  /** Bytes of any length, of which only the place is kept, as a message without fields. */
  | { readonly kind: 'place' }
  /**
   * A nested message. `kept` messages stay with their parent, the others are dropped once visited. A message field that
   * is `single` may appear once only: protobuf would merge two, and no exporter writes that.
   */
  | { readonly kind: 'message'; readonly rule: () => MessageRule; readonly kept: boolean; readonly single: boolean };

export interface MessageRule {
  /** As the ONNX specification calls it. */
  readonly name: string;
  readonly fields: ReadonlyMap<number, FieldRule>;
}

type FieldValue = string | number | WireMessage;

export class WireMessage {
  readonly rule: MessageRule;
  readonly parent: WireMessage | null;
  /** Field number in the parent; 0 for the root. */
  readonly field: number;
  /** Offset of the message's tag. */
  readonly start: number;
  /** Offsets of the first byte of its content and of the byte after the last. */
  readonly contentStart: number;
  readonly end: number;
  readonly depth: number;
  readonly #fields: number[] = [];
  readonly #values: FieldValue[] = [];
  #entered: Set<number> | null = null;

  constructor(
    rule: MessageRule,
    parent: WireMessage | null,
    field: number,
    start: number,
    contentStart: number,
    end: number,
  ) {
    this.rule = rule;
    this.parent = parent;
    this.field = field;
    this.start = start;
    this.contentStart = contentStart;
    this.end = end;
    this.depth = parent === null ? 0 : parent.depth + 1;
  }

  /** Number of values kept so far. */
  get size(): number {
    return this.#fields.length;
  }

  /** Field numbers of the kept values, in the order of the file. */
  get present(): readonly number[] {
    return this.#fields;
  }

  add(field: number, value: FieldValue): void {
    this.#fields.push(field);
    this.#values.push(value);
  }

  /** Notes that the nested message of a field begins; false when it is not the first. */
  enterOnce(field: number): boolean {
    this.#entered ??= new Set();
    if (this.#entered.has(field)) return false;
    this.#entered.add(field);
    return true;
  }

  /** The last value of a text field, '' when there is none, as protobuf has it. */
  text(field: number): string {
    const value = this.#last(field);
    return typeof value === 'string' ? value : '';
  }

  /** The last value of an integer field, null when there is none. */
  integer(field: number): number | null {
    const value = this.#last(field);
    return typeof value === 'number' ? value : null;
  }

  child(field: number): WireMessage | null {
    const value = this.#last(field);
    return value instanceof WireMessage ? value : null;
  }

  texts(field: number): readonly string[] {
    return this.#all(field).filter((value) => typeof value === 'string');
  }

  integers(field: number): readonly number[] {
    return this.#all(field).filter((value) => typeof value === 'number');
  }

  children(field: number): readonly WireMessage[] {
    return this.#all(field).filter((value) => value instanceof WireMessage);
  }

  #last(field: number): FieldValue | undefined {
    const index = this.#fields.lastIndexOf(field);
    return index < 0 ? undefined : this.#values[index];
  }

  #all(field: number): readonly FieldValue[] {
    return this.#values.filter((_, index) => this.#fields[index] === field);
  }
}
