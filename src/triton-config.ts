/**
 * `nereid/triton-config`: reads, completes and checks the `config.pbtxt` of a model as Triton defines it, without a
 * server, an engine or a file system. It gives out no more than this file says. Example:
 * docs/examples/check-config.mjs.
 */

import type { ConfigSettings } from './model-config/config-settings.ts';
import { shownProblems } from './model-config/findings.ts';
import { inspectConfig } from './model-config/inspect-config.ts';
import type { ModelConfig } from './model-config/model-config.ts';
import type { ConfigMessage } from './model-config/schema/config-message.ts';
import type { ConfigSource } from './model-config/resolve-config.ts';
import type { ModelSignature } from './model-config/signature.ts';
import type { LineAndColumn, Problem } from './model-config/syntax/source-position.ts';

export type { ConfigSettings } from './model-config/config-settings.ts';
export type {
  BatchingDecision,
  DynamicBatchingConfig,
  EngineConfig,
  InputConfig,
  InstanceGroupConfig,
  ModelConfig,
  OutputConfig,
  QueuePolicy,
  TensorConfig,
  VersionPolicy,
  WarmupInput,
  WarmupSample,
} from './model-config/model-config.ts';
export type { ConfigMessage } from './model-config/schema/config-message.ts';
/** A configuration as JSON text with all fields of the schema, as Triton's configuration endpoint answers. */
export { configJson } from './model-config/schema/write-config.ts';
export type { ModelSignature, TensorSpec } from './model-config/signature.ts';
export type { LineAndColumn } from './model-config/syntax/source-position.ts';
export type { Datatype } from './tensor/datatype.ts';
export type { Shape } from './tensor/shape.ts';

export interface TritonConfigQuery {
  /** Name of the model's folder, which the configuration's `name` has to equal. */
  readonly modelName: string;
  /** The file, in protobuf text format or as JSON; bytes let invalid UTF-8 be found. Null: there is none. */
  readonly text: string | Uint8Array | null;
  /** Absent is `text`. */
  readonly format?: 'text' | 'json';
  /** The declarations of the model file. Absent: the configuration is not compared with a model. */
  readonly signature?: ModelSignature;
  /** The server and machine it is for. Absent: auto-complete, batches of at most 4 rows by default, and no GPU. */
  readonly settings?: Partial<ConfigSettings>;
}

export interface ConfigProblem {
  /**
   * `invalid`: contradicts itself, the schema or the model. `unsupported`: correct, but asks for a feature that Nereid
   * does not have. `ignored`: accepted without effect; a configuration with no other problems can be served.
   */
  readonly kind: 'invalid' | 'unsupported' | 'ignored';
  readonly text: string;
  /**
   * Of the field that is at fault, or of the message that lacks it, counted from 1; null where the text has neither.
   */
  readonly place: LineAndColumn | null;
}

export interface TritonConfigReading {
  /** As written, with `name`, `backend`, `platform` and the file's name completed; null when it cannot be read. */
  readonly message: ConfigMessage | null;
  /**
   * With every default filled in, frozen. Null when there is a problem that is not just `ignored`, and for a model of
   * the platform `alias`, whose configuration is its target's.
   */
  readonly config: ModelConfig | null;
  /** All of them, so that a file can be repaired in one go; empty when there is none. */
  readonly problems: readonly ConfigProblem[];
}

const defaults: ConfigSettings = { autoComplete: true, defaultMaxBatchSize: 4, gpuOrdinals: [] };

/** Throws nothing that has to do with the text. */
export function readTritonConfig(query: TritonConfigQuery): TritonConfigReading {
  const { modelName, signature = null, settings } = query;
  const source = sourceOf(query);
  const inspection = inspectConfig({ modelName, source, settings: { ...defaults, ...settings } }, signature);
  const { invalid, leftOut, ignored } = inspection.findings;
  const problems = [
    ...problemsOf('invalid', invalid),
    ...problemsOf('unsupported', leftOut),
    ...problemsOf('ignored', ignored),
  ];
  return { message: inspection.message, config: inspection.config, problems };
}

function sourceOf({ text, format }: TritonConfigQuery): ConfigSource {
  if (text === null) return { kind: 'none' };
  return format === 'json' ? { kind: 'json', text } : { kind: 'file', path: 'config.pbtxt', text };
}

const problemsOf = (kind: ConfigProblem['kind'], found: readonly Problem[]): readonly ConfigProblem[] =>
  shownProblems(found).map(({ text, place }) => ({ kind, text, place: place?.position.find(place.at) ?? null }));
