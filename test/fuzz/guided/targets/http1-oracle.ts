/**
 * What Node's own parser (llhttp) makes of the same bytes. Ours may refuse what it takes, never take what it reads in
 * another way: two readers that disagree about where a request ends are how requests are smuggled.
 */

// The parser has no public name; this is where Node's http module gets it from.
import { createRequire } from 'node:module';

export interface OracleRequest {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface OracleAnswer {
  /** Those that are complete. */
  readonly requests: readonly OracleRequest[];
  /** Why it read no further; null where it read everything. */
  readonly error: string | null;
}

interface Parser {
  [callback: number]: unknown;
  initialize(kind: number, resource: object): void;
  execute(bytes: Uint8Array): number | Error;
  close(): void;
}

interface ParserKind {
  new (): Parser;
  readonly REQUEST: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

const { HTTPParser, methods } = createRequire(import.meta.url)('node:_http_common') as {
  readonly HTTPParser: ParserKind;
  readonly methods: readonly string[];
};

export function readByNode(bytes: Buffer): OracleAnswer {
  const requests: OracleRequest[] = [];
  let early: string[] = [];
  let earlyTarget = '';
  let present: { method: string; target: string; rawHeaders: string[]; body: string } | null = null;
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {});
  // Called where there are many headers, and with the trailers.
  parser[HTTPParser.kOnHeaders] = (headers: string[], target: string) => {
    if (present !== null) return;
    early.push(...headers);
    earlyTarget += target;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    headers: string[] | undefined,
    method: number,
    target: string | undefined,
  ) => {
    const rawHeaders = headers ?? early;
    present = { method: methods[method], target: target ?? earlyTarget, rawHeaders, body: '' };
    early = [];
    earlyTarget = '';
    return 0;
  };
  parser[HTTPParser.kOnBody] = (piece: Buffer) => {
    if (present !== null) present.body += piece.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    if (present !== null) requests.push(present);
    present = null;
  };
  const result = parser.execute(Buffer.from(bytes));
  parser.close();
  return { requests, error: result instanceof Error ? String((result as { code?: unknown }).code) : null };
}
