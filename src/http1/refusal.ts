/** Why the bytes of a connection are no request that can be served. Nothing behind them is looked at any more. */

export class Refusal extends Error {
  /** Of the answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const badRequest = (reason: string): Refusal => new Refusal(400, `the request is not valid HTTP/1.1: ${reason}`);

/** Bytes of a client for an error text: printable, and not many. */
export const quoted = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
