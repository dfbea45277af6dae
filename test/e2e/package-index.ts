/** A package index on the loopback interface, which can be told to misbehave. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestWheel } from '../runtimes/wheel-writer.ts';

interface IndexBehaviour {
  readonly format?: 'json' | 'html';
  /** `user:password` that every request must bring. */
  readonly credentials?: string;
  /** Bytes of a file after which its connection is cut, for the first answers. */
  readonly cutAfter?: number;
  readonly cuts?: number;
  /** Awaited before a connection is cut. */
  readonly beforeCut?: () => Promise<void>;
  /** Answers a range with the whole file. */
  readonly ignoresRanges?: boolean;
  /** Replaces the bytes of files. */
  readonly tamper?: (bytes: Buffer) => Buffer;
  /** Sends half of a file and leaves the rest to whoever waits long enough. */
  readonly sendsHalf?: boolean;
}

export interface PackageIndex {
  readonly url: string;
  /** `GET path range` of each request. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

const hrefOf = ({ locked }: TestWheel): string => `../../files/${locked.file}#sha256=${locked.sha256}`;

function page(project: string, wheels: readonly TestWheel[], format: 'json' | 'html'): [string, string] | null {
  const own = wheels.filter(({ locked }) => locked.project === project);
  if (own.length === 0) return null;
  if (format === 'html') {
    const links = own.map((wheel) => `<a href="${hrefOf(wheel)}">${wheel.locked.file}</a>`).join('<br>\n');
    return ['text/html', `<!DOCTYPE html><html><body>${links}</body></html>`];
  }
  const files = own.map(({ locked }) => ({
    filename: locked.file,
    url: `../../files/${locked.file}`,
    hashes: { sha256: locked.sha256 },
  }));
  return ['application/vnd.pypi.simple.v1+json', JSON.stringify({ meta: { 'api-version': '1.0' }, files })];
}

export async function servePackages(
  wheels: readonly TestWheel[],
  behaviour: IndexBehaviour = {},
): Promise<PackageIndex> {
  const requests: string[] = [];
  let cutsLeft = behaviour.cuts ?? (behaviour.cutAfter === undefined ? 0 : 1);

  function sendFile(request: IncomingMessage, response: ServerResponse, wheel: TestWheel): void {
    const bytes = behaviour.tamper?.(wheel.bytes) ?? wheel.bytes;
    const start = behaviour.ignoresRanges ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const range = start > 0 ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length - start, ...range });
    const cut = behaviour.cutAfter !== undefined && cutsLeft-- > 0;
    const beforeCut = behaviour.beforeCut ?? (async () => undefined);
    if (cut) {
      response.write(bytes.subarray(start, start + (behaviour.cutAfter ?? 0)), () => {
        void beforeCut().then(() => response.destroy());
      });
    } else if (behaviour.sendsHalf) response.write(bytes.subarray(start, start + (bytes.length >> 1)));
    else response.end(bytes.subarray(start));
  }

  const server: Server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push(`${path} ${request.headers.range ?? ''}`.trim());
    const wanted = behaviour.credentials && `Basic ${Buffer.from(behaviour.credentials).toString('base64')}`;
    if (wanted && request.headers.authorization !== wanted) return void response.writeHead(401).end();
    const wheel = wheels.find(({ locked }) => path === `/files/${locked.file}`);
    if (wheel !== undefined) return sendFile(request, response, wheel);
    const project = /^\/simple\/([^/]+)\/$/.exec(path)?.[1];
    const found = project === undefined ? null : page(project, wheels, behaviour.format ?? 'json');
    if (found === null) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': found[0] }).end(found[1]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${behaviour.credentials ? `${behaviour.credentials}@` : ''}127.0.0.1:${port}/simple`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
