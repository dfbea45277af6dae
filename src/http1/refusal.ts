/** The reason to refuse the bytes of a connection as a request. Bytes after that point are ignored. */

export class Refusal extends Error {
  /** The status of the answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const badRequest = (reason: string): Refusal => new Refusal(400, `the request is not valid HTTP/1.1: ${reason}`);

/** Bytes of a client for an error text: printable and truncated. */
export const quoted = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
