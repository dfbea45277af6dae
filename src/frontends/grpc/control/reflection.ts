/**
 * Server reflection (grpc.reflection.v1 and v1alpha), so that tools can list services and call them without our
 * `.proto` files. The answers are descriptors made by protoc; only the services of this server are listed.
 */

import { shownText } from '../../../shown-text.ts';
import type { DescribedFile, Descriptors } from '../wire/descriptors.ts';
import type { MethodTable } from '../method-table.ts';
import type { MethodCodec } from '../wire/protocol.ts';
import { okStatus, statusCode, statusOf } from '../transport/status.ts';
import type { MessageReceiver, StreamCall } from '../transport/transport.ts';

/** Both have the same messages. */
const reflectionServices = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

const method = 'ServerReflectionInfo';

/** A decoded question; `message_request` names the one field that is set. */
interface Question {
  readonly host: string;
  readonly message_request?: string;
  readonly file_by_filename?: string;
  readonly file_containing_symbol?: string;
  readonly file_containing_extension?: { readonly containing_type: string; readonly extension_number: number };
  readonly all_extension_numbers_of_type?: string;
}

export const reflectionTable: MethodTable = {
  api: null,
  methods: ({ protocol, services, logger }) =>
    reflectionServices.map((service) => {
      const codec = protocol.codec(service, method);
      const path = `/${service}/${method}`;
      const answer = (question: Question): object => ({
        valid_host: question.host,
        original_request: question,
        ...answerTo(question, protocol.descriptors, services),
      });
      return {
        kind: 'stream',
        path,
        isCompressible: false,
        open: (call) => new ReflectionCall(call, codec, answer, (error) => statusOf(error, path, logger)),
      };
    }),
};

/** The field of the response that answers the question. */
function answerTo(question: Question, descriptors: Descriptors, services: () => readonly string[]): object {
  switch (question.message_request) {
    case 'list_services':
      return { list_services_response: { service: services().map((name) => ({ name })) } };
    case 'file_by_filename': {
      const name = question.file_by_filename ?? '';
      return filesOrError(descriptors.byFileName(name), `File not found: ${shownText(name)}`);
    }
    case 'file_containing_symbol': {
      const symbol = question.file_containing_symbol ?? '';
      return filesOrError(descriptors.bySymbol(symbol), `Symbol not found: ${shownText(symbol)}`);
    }
    // The protocol is proto3: nothing can be extended.
    case 'file_containing_extension': {
      const { containing_type: type = '', extension_number: number = 0 } = question.file_containing_extension ?? {};
      return refusal(statusCode.notFound, `Extension not found: ${number} of ${shownText(type)}`);
    }
    case 'all_extension_numbers_of_type': {
      const type = question.all_extension_numbers_of_type ?? '';
      return descriptors.isMessage(type)
        ? { all_extension_numbers_response: { base_type_name: type, extension_number: [] } }
        : refusal(statusCode.notFound, `Type not found: ${shownText(type)}`);
    }
    default:
      return refusal(statusCode.invalidArgument, 'the reflection request asks for nothing');
  }
}

const filesOrError = (files: readonly DescribedFile[] | null, problem: string): object =>
  files === null
    ? refusal(statusCode.notFound, problem)
    : { file_descriptor_response: { file_descriptor_proto: files.map(({ bytes }) => bytes) } };

const refusal = (code: number, message: string): object => ({
  error_response: { error_code: code, error_message: message },
});

/** One question is read, answered, and then the next one is read. */
class ReflectionCall implements MessageReceiver {
  readonly #call: StreamCall;
  readonly #codec: MethodCodec;
  readonly #answer: (question: Question) => object;
  readonly #statusOf: (error: unknown) => ReturnType<typeof statusOf>;

  constructor(
    call: StreamCall,
    codec: MethodCodec,
    answer: (question: Question) => object,
    statusOfError: (error: unknown) => ReturnType<typeof statusOf>,
  ) {
    this.#call = call;
    this.#codec = codec;
    this.#answer = answer;
    this.#statusOf = statusOfError;
    call.read();
  }

  onMessage(message: Buffer): void {
    try {
      const answer = this.#answer(this.#codec.decode(message) as Question);
      this.#call.send(this.#codec.encode(answer), () => this.#call.read());
    } catch (error) {
      this.#call.finish(this.#statusOf(error));
    }
  }

  onHalfClose(): void {
    this.#call.finish(okStatus);
  }

  onDrain(): void {
    this.#call.finish(okStatus);
  }
}
