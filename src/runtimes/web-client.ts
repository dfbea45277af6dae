/**
 * GET requests to a package index: redirects, proxies, credentials, trusted certificates, and an end to waiting. The
 * body is the caller's to read; retries are too.
 */

import { readFileSync } from 'node:fs';
import { type IncomingMessage, type RequestOptions, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Socket } from 'node:net';
import { connect as secureConnect, rootCertificates } from 'node:tls';
import { failedPrecondition, unavailable } from '../errors.ts';
import { basicAuthorization, type Credentials, credentialsOf, withoutCredentials } from './credentials.ts';
import { proxyFor } from './proxies.ts';

interface WebSettings {
  /** The proxy for all requests; null leaves it to `env`. */
  readonly proxy: string | null;
  /** A file with the certificates to trust beside Node's; null for none. */
  readonly certFile: string | null;
  readonly trustedHosts: readonly string[];
  /** How long a server may send nothing. */
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The credentials for an address that has none in it; null for none. */
  readonly credentialsFor: (url: URL) => Credentials | null;
}

export interface WebAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Where the answer came from, after redirects, without credentials. */
  readonly url: string;
  /** Ends with an error when the connection ends early. */
  readonly body: IncomingMessage;
}

const maxRedirects = 8;
const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);

export class WebClient {
  readonly #settings: WebSettings;
  readonly #certificates: readonly string[] | null;

  /** Throws `failed_precondition` when the file of certificates cannot be read. */
  constructor(settings: WebSettings) {
    this.#settings = settings;
    this.#certificates = settings.certFile === null ? null : [...rootCertificates, readCertificates(settings.certFile)];
  }

  /** Rejects with `unavailable` and the host's name when there is no answer; any status is an answer. */
  async get(address: string, headers: Readonly<Record<string, string>>): Promise<WebAnswer> {
    let url = new URL(address);
    // Of this address only: a redirect to another origin does not get the password of the index.
    const own = credentialsOf(url);
    const { origin } = url;
    for (let i = 0; i <= maxRedirects; i++) {
      const credentials = (url.origin === origin ? own : null) ?? this.#settings.credentialsFor(url);
      const body = await this.#ask(url, headers, credentials);
      const status = body.statusCode ?? 0;
      const { location } = body.headers;
      if (!isRedirect(status) || location === undefined) {
        return { status, headers: body.headers, url: withoutCredentials(url), body };
      }
      body.destroy();
      url = redirected(url, location);
    }
    throw unavailable(`${new URL(address).host} redirects more than ${maxRedirects} times`);
  }

  async #ask(
    url: URL,
    headers: Readonly<Record<string, string>>,
    credentials: Credentials | null,
  ): Promise<IncomingMessage> {
    const proxy = proxyFor(url, this.#settings.proxy, this.#settings.env);
    const all = { ...headers, ...(credentials && { authorization: basicAuthorization(credentials) }) };
    try {
      if (proxy === null) return await this.#send(url, { headers: all });
      if (url.protocol === 'https:') {
        const socket = await this.#tunnel(proxy, url);
        const createConnection = () =>
          secureConnect({ socket, servername: url.hostname, ...this.#trust(url), ALPNProtocols: ['http/1.1'] });
        return await this.#send(url, { headers: all, createConnection });
      }
      const path = withoutCredentials(url);
      return await this.#send(proxy, { headers: { ...all, host: url.host, ...proxyHeaders(proxy) }, path });
    } catch (error) {
      const reason = error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : '';
      const by = proxy === null ? '' : ` by the proxy ${proxy.host}`;
      throw unavailable(`${url.host} cannot be reached${by}: ${reason}`, error);
    }
  }

  /** Sends one request to the host of `url`. */
  #send(url: URL, options: RequestOptions): Promise<IncomingMessage> {
    const { timeoutMs } = this.#settings;
    const isSecure = url.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const send = isSecure ? secureRequest : plainRequest;
      const request = send(withoutCredentials(url), { ...options, ...(isSecure ? this.#trust(url) : {}) }, resolve);
      request.setTimeout(timeoutMs, () => request.destroy(new Error(`it sent nothing for ${timeoutMs / 1000} s`)));
      request.on('error', reject);
      request.end();
    });
  }

  /** A connection through a proxy to the host of `url`. */
  #tunnel(proxy: URL, url: URL): Promise<Socket> {
    if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:') {
      throw new Error(`a proxy must be an http or https address, not one with '${proxy.protocol}'`);
    }
    const { timeoutMs } = this.#settings;
    const target = `${url.hostname}:${url.port || 443}`;
    return new Promise((resolve, reject) => {
      const send = proxy.protocol === 'https:' ? secureRequest : plainRequest;
      const headers = { host: target, ...proxyHeaders(proxy) };
      const request = send(withoutCredentials(proxy), { method: 'CONNECT', path: target, headers, agent: false });
      request.setTimeout(timeoutMs, () => request.destroy(new Error(`it sent nothing for ${timeoutMs / 1000} s`)));
      request.on('connect', ({ statusCode }, socket: Socket) => {
        if (statusCode === 200) return resolve(socket);
        socket.destroy();
        reject(new Error(`the proxy answers ${statusCode}`));
      });
      request.on('error', reject);
      request.end();
    });
  }

  #trust({ hostname, host }: URL): { readonly ca?: string[]; readonly rejectUnauthorized?: boolean } {
    const isTrusted = this.#settings.trustedHosts.some((one) => one === hostname || one === host);
    return {
      ...(this.#certificates && { ca: [...this.#certificates] }),
      ...(isTrusted && { rejectUnauthorized: false }),
    };
  }
}

const proxyHeaders = (proxy: URL): Readonly<Record<string, string>> => {
  const credentials = credentialsOf(proxy);
  return credentials === null ? {} : { 'proxy-authorization': basicAuthorization(credentials) };
};

function redirected(from: URL, location: string): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw unavailable(`${from.host} redirects to what is no http or https address`);
  return url;
}

function readCertificates(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw failedPrecondition(`the file of certificates '${path}' cannot be read: ${reason}`, error);
  }
}
