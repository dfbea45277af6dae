/** All targets by name, and where in the sources branches are counted for each. Nothing of them is loaded before it is asked for. */

import { resolve } from 'node:path';
import type { FuzzTarget } from './target.ts';

export interface ListedTarget {
  /** Folders below src, or files of it in their compiled form. */
  readonly counted: readonly string[];
  readonly load: () => Promise<FuzzTarget>;
}

export const targets: Readonly<Record<string, ListedTarget>> = {
  http1: { counted: ['http1', 'sockets'], load: async () => (await import('./targets/http1.ts')).target },
  http2: { counted: ['http2', 'sockets'], load: async () => (await import('./targets/http2.ts')).target },
  hpack: {
    counted: ['http2/hpack', 'http2/header-field.js'],
    load: async () => (await import('./targets/hpack.ts')).target,
  },
  'grpc-request': {
    counted: [
      ...[
        'frontends/grpc/infer/request-codec.js',
        'frontends/grpc/wire/reader.js',
        'frontends/grpc/infer/request-tensors.js',
      ],
      ...[
        'frontends/grpc/infer/typed-contents.js',
        'frontends/grpc/wire/parameter-entry.js',
        'frontends/interned-strings.js',
      ],
      ...[
        'frontends/grpc/infer/request-parameters.js',
        'frontends/grpc/infer/region-reference.js',
        'frontends/v2/parameters.js',
      ],
    ],
    load: async () => (await import('./targets/grpc-request.ts')).target,
  },
  'grpc-calls': {
    counted: [
      ...[
        'frontends/grpc/transport/http2/call.js',
        'frontends/grpc/transport/http2/unary-call.js',
        'frontends/grpc/transport/http2/stream-call.js',
      ],
      ...[
        'frontends/grpc/transport/http2/message-assembler.js',
        'frontends/grpc/transport/open-calls.js',
        'http2/connection-intake.js',
        'http2/stream.js',
      ],
    ],
    load: async () => (await import('./targets/grpc-calls.ts')).target,
  },
  'grpc-messages': {
    counted: ['frontends/grpc/transport/http2/message-assembler.js'],
    load: async () => (await import('./targets/grpc-messages.ts')).target,
  },
  'json-request': {
    counted: [
      ...[
        'frontends/http/infer/request-codec.js',
        'frontends/http/infer/request-tensors.js',
        'frontends/http/infer/request-parameters.js',
      ],
      ...['frontends/http/json/reader.js', 'frontends/http/json/tensor-elements.js', 'frontends/http/json/value.js'],
      ...[
        'frontends/http/json/numbers.js',
        'frontends/http/json/number-elements.js',
        'frontends/http/json/text-elements.js',
      ],
      ...['frontends/http/json/elements.js', 'frontends/http/infer/requested-outputs.js'],
      ...['frontends/v2/parameters.js', 'tensor/float16.js', 'tensor/shape.js'],
    ],
    load: async () => (await import('./targets/json-request.ts')).target,
  },
  'onnx-file': { counted: ['engine/onnx-file'], load: async () => (await import('./targets/onnx-file.ts')).target },
  'text-config': {
    counted: [
      ...[
        'model-config/syntax/text-format.js',
        'model-config/syntax/text-scanner.js',
        'model-config/syntax/source-tree.js',
      ],
      ...[
        'model-config/schema/read-config.js',
        'model-config/schema/read-scalar.js',
        'model-config/syntax/json-format.js',
      ],
      ...['model-config/suggestion.js', 'model-config/schema/write-config.js'],
    ],
    load: async () => (await import('./targets/text-config.ts')).target,
  },
};

/** The inputs that are kept for a target. */
export const corpusPath = (name: string): string => resolve('test/fuzz/corpus', `${name}.txt`);
