/**
 * A model's configuration in text format, or in JSON where the input begins with a blank. What was read is written as JSON
 * and read again, and must be the same.
 */

import { InferenceError } from '../../../../src/errors.ts';
import { readJsonConfig, readTextConfig } from '../../../../src/model-config/schema/read-config.ts';
import { configForGrpc, configJson } from '../../../../src/model-config/schema/write-config.ts';
import { type FuzzTarget, must, mustBeSame } from '../target.ts';

const maxMessage = 12_000;

function run(input: Buffer): void {
  let config: ReturnType<typeof readTextConfig>;
  try {
    config = input[0] === 0x20 ? readJsonConfig('t', input) : readTextConfig('t', input);
  } catch (error) {
    if (!(error instanceof InferenceError)) throw error;
    must(error.code === 'invalid_argument', `an error of ${error.code}`);
    must(
      error.message.startsWith('t:') && error.message.length < maxMessage,
      'a message without a place, or a long one',
    );
    return;
  }
  configForGrpc(config);
  const text = configJson(config);
  if (hasNoJson(text)) return;
  JSON.parse(text);
  mustBeSame(configJson(readJsonConfig('again', text)), text, 'written and read again');
}

/** Infinity and NaN, which the text format has and JSON writes in a way of its own. */
const hasNoJson = (text: string): boolean => /NaN|Infinity/.test(text);

const good = `name: "m" platform: "onnxruntime_onnx" max_batch_size: 8
input [ { name: "a" data_type: TYPE_FP32 dims: [ -1, 16 ] reshape { shape: [ 4, 4 ] } }, { name: 'b' dims: 1 } ]
output { name: "o" data_type: TYPE_STRING dims: [ 1 ] label_filename: "labels.txt" }
version_policy: { latest { num_versions: 2 } }
dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100
  priority_queue_policy { key: 1 value { timeout_action: DELAY default_timeout_microseconds: 0x10 } } }
instance_group [ { count: 2 kind: KIND_CPU }, < gpus: [ 0, 01 ] > ]
parameters { key: "k" value: { string_value: 'v\\n\\u00e9\\x41\\101' "joined" } } # comment
model_warmup < name: "w" batch_size: 1; inputs { key: "a" value { zero_data: true dims: -1.0 } }, >
optimization { graph { level: -1 } cuda { graphs: true } }
`;
const json = ` {"name":"m","maxBatchSize":"8","input":[{"name":"a","data_type":"TYPE_FP32","dims":["-1",16]}],
"parameters":{"k":{"string_value":"v\\u00e9"}},"dynamic_batching":{"preferredBatchSize":[4],"preserve_ordering":true},
"version_policy":{"specific":{"versions":[1,2]}},"instance_group":[{"count":1,"kind":1,"rate_limiter":{"priority":null}}]}`;

export const target: FuzzTarget = {
  seeds: [good, json, ...good.split('\n'), ` {"name":"m"}`].map((text) => Buffer.from(text)),
  words: [
    ...[
      '{',
      '}',
      '<',
      '>',
      '[',
      ']',
      ':',
      ',',
      ';',
      '"',
      "'",
      '#',
      '\n',
      '\\',
      '\\u',
      '\\U0001',
      '\\ud83d\\ude00',
      '\\x',
      '\\8',
    ],
    ...[
      '-',
      '0x',
      '1.5f',
      'inf',
      'nan',
      '-inf',
      'true',
      'True',
      't',
      'null',
      'name: "m"',
      'max_batch_size: ',
      'dims: [ 1 ]',
    ],
    ...[
      'input { ',
      'output { ',
      'TYPE_FP32',
      'KIND_GPU',
      '\xef\xbb\xbf',
      '\xc3\xa9',
      '\xff',
      'key: ',
      'value { ',
      '\\"',
      '1e9',
    ],
    ...[
      'sequence_batching { direct { } }',
      'ensemble_scheduling { step [ { } ] }',
      'cc_model_filenames { key: "a" value: "b" }',
    ],
    ...[
      'maxQueueDelayMicroseconds',
      'rate_limiter',
      'specific',
      'all { }',
      'state [ ]',
      'control_input [ ]',
      'oldest { }',
    ],
  ],
  maxBytes: 4096,
  run,
};
