/** Where something stands in the text of a configuration, and the error of a text that cannot be read. */

import { InferenceError } from '../../errors.ts';

/** Line and column, both counted from 1, columns in characters. */
export interface LineAndColumn {
  readonly line: number;
  readonly column: number;
}

/** A place in a text: its offset, and what turns that into line and column. */
export interface Place {
  readonly position: SourcePosition;
  readonly at: number;
}

/** A sentence about a configuration, and the place that it is about where there is one. */
export interface Problem {
  readonly text: string;
  readonly place: Place | null;
}

/** `label:line:column: text`, or the text alone. */
export const problemText = ({ text, place }: Problem): string =>
  place === null ? text : `${place.position.text(place.at)}: ${text}`;

/** A text that is no configuration: everything that is wrong with its syntax, or with its fields and their types. */
export class UnreadableConfigError extends InferenceError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super('invalid_argument', problems.map(problemText).join('; '));
    this.problems = problems;
  }
}

/** Turns offsets into lines and columns. */
export class SourcePosition {
  readonly #label: string;
  readonly #bytes: Uint8Array;
  #lineStarts: number[] | null = null;
  #lineStart = 0;
  #countedTo = 0;
  #countedColumn = 1;

  constructor(label: string, bytes: Uint8Array) {
    this.#label = label;
    this.#bytes = bytes;
  }

  /** `label:line:column` */
  text(offset: number): string {
    const { line, column } = this.find(offset);
    return `${this.#label}:${line}:${column}`;
  }

  find(offset: number): LineAndColumn {
    this.#lineStarts ??= findLineStarts(this.#bytes);
    const starts = this.#lineStarts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: this.#column(starts[low] as number, offset) };
  }

  /**
   * Errors mostly come in the order of the text, and a line may be the whole text, so counting continues from the last
   * error.
   */
  #column(lineStart: number, offset: number): number {
    const isBehind = this.#lineStart === lineStart && this.#countedTo <= offset;
    let at = isBehind ? this.#countedTo : lineStart;
    let column = isBehind ? this.#countedColumn : 1;
    for (; at < offset; at++) if (((this.#bytes[at] as number) & 0xc0) !== 0x80) column++;
    this.#lineStart = lineStart;
    this.#countedTo = offset;
    this.#countedColumn = column;
    return column;
  }

  error(offset: number, message: string): UnreadableConfigError {
    return new UnreadableConfigError([{ text: message, place: { position: this, at: offset } }]);
  }
}

function findLineStarts(bytes: Uint8Array): number[] {
  const starts = [0];
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) starts.push(at + 1);
  return starts;
}
