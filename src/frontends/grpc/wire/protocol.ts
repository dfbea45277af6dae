/**
 * The schema of all messages but the two hot ones, read from the `.proto` files in the package when the frontend
 * starts, and codecs that convert between bytes and objects.
 */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  load,
  type MessageTypeDefinition,
  type MethodDefinition,
  type PackageDefinition,
  type ServiceDefinition,
} from '@grpc/proto-loader';
import { invalidArgument } from '../../../errors.ts';
import { type Descriptors, readDescriptors } from './descriptors.ts';
import { checkMessage, messageForm } from './message-check.ts';
import { WireReader } from './reader.ts';

export const inferenceService = 'inference.GRPCInferenceService';
export const healthService = 'grpc.health.v1.Health';

/** The same distance from `src/frontends/grpc` and from `dist/frontends/grpc`. */
const protoFolder = fileURLToPath(new URL('../../../../proto/', import.meta.url));

/** The files with services; scripts/make-descriptors.mjs has the same list. */
const protoFiles = [
  'grpc_service.proto',
  'health.proto',
  'grpc/reflection/v1/reflection.proto',
  'grpc/reflection/v1alpha/reflection.proto',
];

/** Field names as in the schema; 64-bit numbers and enum values as text; `parameter_choice` names the field set. */
const loadOptions = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };

/** Objects have the fields of the schema; their types are written down where they are used. */
export interface MethodCodec {
  /** @throws InferenceError `invalid_argument` when the bytes are no such message. */
  decode(message: Buffer): unknown;
  encode(response: object): Buffer;
}

export interface Protocol {
  /** For reflection. */
  readonly descriptors: Descriptors;
  codec(service: string, method: string): MethodCodec;
}

/** Rejects when the files are not in the package, which is a broken installation. */
export async function loadProtocol(): Promise<Protocol> {
  const [definitions, descriptors] = await Promise.all([
    load(protoFiles, { ...loadOptions, includeDirs: [protoFolder] }),
    readFile(`${protoFolder}descriptors.binpb`),
  ]);
  return {
    descriptors: readDescriptors(descriptors),
    codec(service, method) {
      const definition = (definitions[service] as ServiceDefinition | undefined)?.[method];
      if (definition === undefined) throw new Error(`the schema has no method ${service}/${method}`);
      return codecOf(definition, method, service.slice(0, service.lastIndexOf('.')), definitions);
    },
  };
}

function codecOf(
  definition: MethodDefinition<object, object>,
  method: string,
  packageName: string,
  definitions: PackageDefinition,
): MethodCodec {
  const form = messageForm(definition.requestType.type, (name) => {
    const found = definitions[`${packageName}.${name}`] as MessageTypeDefinition<object, object> | undefined;
    return found?.type;
  });
  return {
    decode(message) {
      checkMessage(new WireReader(message), form);
      try {
        return definition.requestDeserialize(message);
      } catch (error) {
        throw invalidArgument(`Unable to parse request: this is no message of ${method}`, error);
      }
    },
    encode: (response) => definition.responseSerialize(response),
  };
}
