import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Message } from './protobuf-oracle.ts';
import { type Running, startFrontend } from './running-frontend.ts';

const folder = dirname(createRequire(import.meta.url).resolve('@grpc/reflection'));

let running: Running;
beforeEach(async () => {
  running = await startFrontend();
});
afterEach(() => running.stop());

/** Asks one question after the other on one stream. */
function ask(version: 'v1' | 'v1alpha', questions: readonly object[]): Promise<Message[]> {
  const file = join(folder, `../proto/grpc/reflection/${version}/reflection.proto`);
  const definitions = grpc.loadPackageDefinition(loadSync(file, { keepCase: true })) as Message;
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
    });
  }
});
