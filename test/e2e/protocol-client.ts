/** One client of both protocols for requests of any form, broken ones too: it gives statuses, texts and answers as they came. */

import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { request as httpRequest } from 'node:http';
import type { Ports } from './server-process.ts';

export interface HttpCall {
  readonly method: string;
  /** Sent as it is. */
  readonly target: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface GrpcCall {
  readonly rpc: string;
  /** An object of the schema, or the bytes of a message; several for a stream. */
  readonly messages: readonly (object | Buffer)[];
}

export interface Outcome {
  readonly status: number;
  /** The text of a refusal, else ''. */
  readonly error: string;
  /** What was answered, else null; the answers of a stream in order. */
  readonly answer: unknown;
}

const services = loadSync(new URL('../../proto/grpc_service.proto', import.meta.url).pathname, {
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: false,
}) as unknown as Record<string, Readonly<Record<string, RpcDefinition>>>;

interface RpcDefinition {
  readonly path: string;
  readonly requestStream: boolean;
  readonly requestSerialize: (message: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => object;
}

export class ProtocolClient {
  readonly #http: number;
  readonly #grpc: Client;

  constructor({ http, grpc }: Ports) {
    this.#http = http;
    this.#grpc = new Client(`127.0.0.1:${grpc}`, credentials.createInsecure());
  }

  close(): void {
    this.#grpc.close();
  }

  http({ method, target, body, headers = {} }: HttpCall): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const call = httpRequest({ port: this.#http, method, path: target, headers, agent: false }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => resolve(httpOutcome(response.statusCode ?? 0, Buffer.concat(parts).toString())));
      });
      call.on('error', reject);
      call.end(body);
    });
  }

  async grpc({ rpc, messages }: GrpcCall): Promise<Outcome> {
    const definition = definitionOf(rpc);
    if (definition.requestStream) return this.#stream(definition, messages);
    return this.call(rpc, messages[0] ?? {}).outcome;
  }

  /** A unary call that can be cancelled. */
  call(rpc: string, message: object | Buffer): { readonly outcome: Promise<Outcome>; readonly cancel: () => void } {
    const { path, responseDeserialize, ...rest } = definitionOf(rpc);
    let cancel = (): void => undefined;
    const outcome = new Promise<Outcome>((resolve) => {
      const done = (error: ServiceError | null, answer?: object): void =>
        resolve({ status: error?.code ?? 0, error: error?.details ?? '', answer: answer ?? null });
      const call = this.#grpc.makeUnaryRequest(path, serializer(rest), responseDeserialize, message, deadline(), done);
      cancel = () => call.cancel();
    });
    return { outcome, cancel };
  }

  #stream({ path, responseDeserialize, ...rest }: RpcDefinition, messages: GrpcCall['messages']): Promise<Outcome> {
    return new Promise((resolve) => {
      const call = this.#grpc.makeBidiStreamRequest(path, serializer(rest), responseDeserialize, deadline());
      const answers: object[] = [];
      call.on('data', (answer: object) => answers.push(answer));
      call.on('error', () => undefined);
      call.on('status', ({ code, details }) => resolve({ status: code, error: details, answer: answers }));
      for (const message of messages) call.write(message);
      call.end();
    });
  }
}

function definitionOf(rpc: string): RpcDefinition {
  const definition = services['inference.GRPCInferenceService']?.[rpc];
  if (definition === undefined) throw new Error(`there is no rpc '${rpc}'`);
  return definition;
}

const deadline = (): { deadline: number } => ({ deadline: Date.now() + 20_000 });

const serializer =
  ({ requestSerialize }: Pick<RpcDefinition, 'requestSerialize'>) =>
  (message: object | Buffer): Buffer =>
    Buffer.isBuffer(message) ? message : requestSerialize(message);

function httpOutcome(status: number, text: string): Outcome {
  if (status === 200) return { status, error: '', answer: parsed(text) };
  const json = parsed(text);
  const isError = typeof json === 'object' && json !== null && 'error' in json && typeof json.error === 'string';
  return { status, error: isError ? (json.error as string) : text, answer: null };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
