/** The JSON of an answer about very many models: each page becomes a piece when the client has taken the one before it. */

import type { AnswerSource } from '../../http1/answer-source.ts';
import { jsonReply, type Reply } from './reply.ts';

/** A page is a list of objects: members of one array. */
type Pages = AsyncIterator<readonly object[], void, void>;

/**
 * The members of all pages as one array between the two texts: at once where there is one page, as in small repositories.
 * Rejects when the first two pages cannot be read.
 */
export async function pagedReply(pages: Pages, open: string, close: string): Promise<Reply | PagedText> {
  const first = await pages.next();
  const members = first.done ? [] : first.value;
  const second = await pages.next();
  if (second.done) return jsonReply(open + membersText(members) + close);
  return new PagedText(pages, [...members, ...second.value], open, close);
}

export class PagedText implements AnswerSource {
  /** Set by the exchange: called when a piece is there, or has failed. */
  onPiece: () => void = () => undefined;
  readonly #pages: Pages;
  readonly #close: string;
  #text: string;
  #hasMembers: boolean;
  #isAsked = false;
  #isLast = false;
  #failure: { readonly error: unknown } | null = null;

  /** @param first members that were read already. */
  constructor(pages: Pages, first: readonly object[], open: string, close: string) {
    this.#pages = pages;
    this.#close = close;
    this.#text = open + membersText(first);
    this.#hasMembers = first.length > 0;
  }

  next(): Uint8Array | 'later' | 'end' {
    if (this.#failure !== null) throw this.#failure.error;
    if (this.#text !== '') {
      const piece = Buffer.from(this.#text);
      this.#text = '';
      return piece;
    }
    if (this.#isLast) return 'end';
    if (!this.#isAsked) this.#ask();
    return 'later';
  }

  done(): void {
    this.#isLast = true;
  }

  #ask(): void {
    this.#isAsked = true;
    this.#pages.next().then(
      ({ done, value }) => {
        this.#isAsked = false;
        if (done) {
          this.#isLast = true;
          this.#text = this.#close;
        } else if (value.length > 0) {
          this.#text = (this.#hasMembers ? ',' : '') + membersText(value);
          this.#hasMembers = true;
        }
        this.onPiece();
      },
      (error: unknown) => {
        this.#failure = { error };
        this.onPiece();
      },
    );
  }
}

/** The members of an array, without its brackets. */
const membersText = (members: readonly object[]): string => JSON.stringify(members).slice(1, -1);
