/**
 * The server of this process: both planes over the models of `ModelControl`. It owns no request: it finds the version
 * and forwards the request to it.
 */

import { type InferenceError, toInferenceError, unavailable } from '../errors.ts';
import type { InferenceContext } from '../inference/context.ts';
import { compose, type Infer, type Interceptor, type ResponseSink } from '../inference/infer.ts';
import type { InferenceRequest } from '../inference/request.ts';
import type { ModelControl } from '../lifecycle/model-control.ts';
import type { ModelIndexEntry } from '../lifecycle/model-index.ts';
import { type ModelVersion, notReady } from '../lifecycle/model-version.ts';
import type { ModelStatistics } from '../lifecycle/version-statistics.ts';
import type { ModelConfig, TensorConfig } from '../model-config/model-config.ts';
import type { ConfigMessage } from '../model-config/schema/config-message.ts';
import type {
  InferenceServer,
  LoadOptions,
  ModelMetadata,
  ServerMetadata,
  TensorMetadata,
} from './inference-server.ts';
import type { ServerConfig } from './server-config.ts';

/** The extensions of the v2 protocol that this server has. */
const extensions: readonly string[] = [
  'classification',
  'model_repository',
  'model_repository(unload_dependents)',
  'schedule_policy',
  'model_configuration',
  'binary_tensor_data',
  'parameters',
  'statistics',
];

const exiting = (): InferenceError => unavailable('Server exiting');

export class LocalServer implements InferenceServer {
  readonly infer: Infer;
  readonly #config: ServerConfig;
  readonly #models: ModelControl;
  readonly #metadata: ServerMetadata;
  #isExiting = false;

  /** The first interceptor is the outermost; each sees a request before its model is looked up. */
  constructor(config: ServerConfig, models: ModelControl, interceptors: readonly Interceptor[] = []) {
    this.#config = config;
    this.#models = models;
    this.#metadata = { name: config.id, version: config.version, extensions };
    this.infer = compose(interceptors, (request, context, sink) => this.#infer(request, context, sink));
  }

  get isExiting(): boolean {
    return this.#isExiting;
  }

  /** From now on health is negative and the control plane refuses; requests on open connections are still served. */
  beginExit(): void {
    this.#isExiting = true;
  }

  async findModel(name: string, version: string): Promise<void> {
    this.#models.find(name, version);
  }

  async isLive(): Promise<boolean> {
    if (this.#isExiting) throw exiting();
    return !this.#models.isWaitingForRepository;
  }

  async isReady(): Promise<boolean> {
    if (this.#isExiting) throw exiting();
    return this.#models.isReady(this.#config.repository.strictReadiness);
  }

  async isModelReady(name: string, version: string): Promise<boolean> {
    if (this.#isExiting) throw exiting();
    try {
      return this.#models.find(name, version).state === 'ready';
    } catch (error) {
      // An unknown name is answered and is no failure: clients poll until the model serves.
      const { code } = toInferenceError(error);
      if (code === 'not_found' || code === 'unavailable') return false;
      throw error;
    }
  }

  async serverMetadata(): Promise<ServerMetadata> {
    return this.#metadata;
  }

  async modelMetadata(name: string, version: string): Promise<ModelMetadata> {
    const found = this.#models.find(name, version);
    const versions = version === '' ? this.#models.readyVersions(name).map((entry) => entry.version) : [found.version];
    const config = configOf(found);
    return {
      name,
      versions: versions.sort((a, b) => a - b).map(String),
      platform: platformOf(config),
      inputs: config.inputs.map((input) => tensorMetadata(config, input)),
      outputs: config.outputs.map((output) => tensorMetadata(config, output)),
    };
  }

  async modelConfig(name: string, version: string): Promise<ConfigMessage> {
    return configOf(this.#models.find(name, version)).message;
  }

  async modelStatistics(name: string, version: string): Promise<readonly ModelStatistics[]> {
    return this.#models.statistics(name, version);
  }

  async readyNames(version: string): Promise<readonly string[]> {
    return this.#models.readyNames(version);
  }

  async statisticsOf(names: readonly string[]): Promise<readonly ModelStatistics[]> {
    return this.#models.statisticsOf(names);
  }

  indexNames(): Promise<readonly string[]> {
    return this.#models.indexNames();
  }

  async indexOf(names: readonly string[], readyOnly: boolean): Promise<readonly ModelIndexEntry[]> {
    return this.#models.indexOf(names, readyOnly);
  }

  async loadModel(name: string, options: LoadOptions): Promise<void> {
    if (this.#isExiting) throw exiting();
    await this.#models.load(name, options);
  }

  async unloadModel(name: string, { unloadDependents }: { readonly unloadDependents: boolean }): Promise<void> {
    if (this.#isExiting) throw exiting();
    await this.#models.unload(name, unloadDependents);
  }

  #infer(request: InferenceRequest, context: InferenceContext, sink: ResponseSink): void {
    let version: ModelVersion;
    try {
      version = this.#models.find(request.modelName, request.modelVersion);
    } catch (error) {
      sink.fail(toInferenceError(error));
      return;
    }
    version.infer(request, context, sink);
  }
}

function configOf(version: ModelVersion): ModelConfig {
  const config = version.loaded?.config;
  if (!config) throw notReady(version.model, version.version);
  return config;
}

/** `platform`, or the backend where a configuration has none. */
const platformOf = ({ message: { platform, backend } }: ModelConfig): string => platform || (backend ?? '');

function tensorMetadata({ maxBatchSize }: ModelConfig, { name, datatype, dims }: TensorConfig): TensorMetadata {
  return { name, datatype, shape: maxBatchSize > 0 ? [-1, ...dims] : dims };
}
