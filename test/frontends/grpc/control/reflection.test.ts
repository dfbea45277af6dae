import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Message } from '../protobuf-oracle.ts';
import { type Running, startFrontend } from '../running-frontend.ts';

const includeDirs = [fileURLToPath(new URL('../../../../proto/', import.meta.url))];

let running: Running;
beforeEach(async () => {
  running = await startFrontend();
});
afterEach(() => running.stop());

/** Asks one question after the other on one stream. */
function ask(version: 'v1' | 'v1alpha', questions: readonly object[]): Promise<Message[]> {
  const file = `grpc/reflection/${version}/reflection.proto`;
  const definitions = grpc.loadPackageDefinition(loadSync(file, { keepCase: true, includeDirs })) as Message;
  const address = `127.0.0.1:${running.listening.port}`;
  const Service = definitions.grpc.reflection[version].ServerReflection;
  const client = new Service(address, grpc.credentials.createInsecure());
  return new Promise((resolve, reject) => {
    const answers: Message[] = [];
    const stream = client.ServerReflectionInfo();
    stream.on('data', (answer: Message) => answers.push(answer));
    stream.on('error', reject);
    stream.on('end', () => {
      client.close();
      resolve(answers);
    });
    for (const question of questions) stream.write(question);
    stream.end();
  });
}

describe('server reflection', () => {
  for (const version of ['v1', 'v1alpha'] as const) {
    it(`${version} lists the services and describes them`, async () => {
      const [list, file, unknown] = (await ask(version, [
        { list_services: '' },
        { file_containing_symbol: 'inference.GRPCInferenceService' },
        { file_containing_symbol: 'inference.Nothing' },
      ])) as [Message, Message, Message];
      const names = list.list_services_response.service.map(({ name }: Message) => name);
      expect(names).toEqual(expect.arrayContaining(['inference.GRPCInferenceService', 'grpc.health.v1.Health']));
      const described = file.file_descriptor_response.file_descriptor_proto.map(String).join('\n');
      expect(described).toContain('ModelInferRequest');
      expect(unknown.error_response.error_code).toBe(grpc.status.NOT_FOUND);
      expect(unknown.original_request.file_containing_symbol).toBe('inference.Nothing');
    });

    it(`${version} lists itself, and answers what it does not have with an error and goes on`, async () => {
      const answers = await ask(version, [
        { file_by_filename: 'nothing.proto' },
        { file_containing_extension: { containing_type: 'inference.ModelConfig', extension_number: 7 } },
        { all_extension_numbers_of_type: 'inference.Nothing' },
        {},
        { all_extension_numbers_of_type: 'inference.ModelConfig' },
        { file_by_filename: `grpc/reflection/${version}/reflection.proto` },
        { list_services: '*' },
      ]);
      const { INVALID_ARGUMENT, NOT_FOUND } = grpc.status;
      expect(answers.slice(0, 4).map((answer) => answer.error_response.error_code)).toEqual([
        ...[NOT_FOUND, NOT_FOUND, NOT_FOUND],
        INVALID_ARGUMENT,
      ]);
      const [none, file, list] = answers.slice(4) as [Message, Message, Message];
      expect(none.all_extension_numbers_response.base_type_name).toBe('inference.ModelConfig');
      expect(file.file_descriptor_response.file_descriptor_proto).toHaveLength(1);
      expect(list.list_services_response.service).toContainEqual({
        name: `grpc.reflection.${version}.ServerReflection`,
      });
    });
  }
});
