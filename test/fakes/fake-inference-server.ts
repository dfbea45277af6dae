/**
 * An `InferenceServer` with programmable answers: it records requests and counts releases. By default it serves one
 * model, `echo`, which gives every input back as an output of the same name.
 */

import { notFound, toInferenceError } from '../../src/errors.ts';
import type { InferenceContext } from '../../src/inference/context.ts';
import type { Infer, ResponseSink } from '../../src/inference/infer.ts';
import { type InferenceRequest, noParameters, type Parameters } from '../../src/inference/request.ts';
import type { InferenceResponse, OutputTensor } from '../../src/inference/response.ts';
import type { ModelIndexEntry } from '../../src/lifecycle/model-index.ts';
import type { ModelStatistics } from '../../src/lifecycle/version-statistics.ts';
import type { ConfigMessage } from '../../src/model-config/schema/config-message.ts';
import type { InferenceServer, LoadOptions, ModelMetadata, ServerMetadata } from '../../src/server/inference-server.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

export interface SeenRequest {
  readonly request: InferenceRequest;
  readonly context: InferenceContext;
}

export class FakeInferenceServer implements InferenceServer {
  /** Every request that reached `infer`, in order. */
  readonly seen: SeenRequest[] = [];
  readonly loads: { readonly name: string; readonly options: LoadOptions }[] = [];
  readonly unloads: { readonly name: string; readonly unloadDependents: boolean }[] = [];
  /** Loads and unloads in the order in which they came. */
  readonly controlCalls: ('load' | 'unload')[] = [];
  readonly indexCalls: boolean[] = [];
  /** Responses given out and not released yet. */
  unreleased = 0;

  /** What the model does; replace it to program an answer. */
  answer: (request: InferenceRequest, context: InferenceContext) => Promise<InferenceResponse> = async (request) =>
    this.respond(request, echoed(request));
  live = true;
  ready = true;
  readyModels: (name: string, version: string) => boolean = (name) => {
    if (name !== 'echo') throw unknownModel(name);
    return true;
  };
  server: ServerMetadata = { name: 'nereid', version: '1.2.3', extensions: ['statistics'] };
  metadata: (name: string, version: string) => ModelMetadata = (name) => {
    if (name !== 'echo') throw unknownModel(name);
    return {
      name,
      versions: ['1'],
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'IN', datatype: 'INT32', shape: [-1] }],
      outputs: [{ name: 'IN', datatype: 'INT32', shape: [-1] }],
    };
  };
  config: (name: string, version: string) => ConfigMessage = (name) => {
    if (name !== 'echo') throw unknownModel(name);
    return { name, platform: 'onnxruntime_onnx', max_batch_size: 0 };
  };
  statistics: (name: string, version: string) => readonly ModelStatistics[] = () => [];
  index: readonly ModelIndexEntry[] = [];
  /** What `loadModel` and `unloadModel` reject with; null when they succeed. */
  loadFailure: Error | null = null;

  readonly infer: Infer = (request: InferenceRequest, context: InferenceContext, sink: ResponseSink): void => {
    this.seen.push({ request, context });
    this.stream(request, context, sink);
  };

  /** How answers reach the sink: the one of `answer`, unless a test has several to give. */
  stream: Infer = (request, context, sink) => {
    this.answer(request, context).then(
      (response) => sink.next(response, true),
      (error: unknown) => sink.fail(toInferenceError(error)),
    );
  };

  /** A response of version 1 whose release is counted; a second release fails the test by going below zero. */
  respond(
    request: InferenceRequest,
    outputs: readonly OutputTensor[],
    options: { readonly isBatched?: boolean; readonly parameters?: Parameters } = {},
  ): InferenceResponse {
    this.unreleased++;
    return {
      modelName: request.modelName,
      modelVersion: '1',
      id: request.id,
      parameters: options.parameters ?? noParameters,
      outputs,
      isBatched: options.isBatched ?? false,
      release: () => {
        this.unreleased--;
      },
    };
  }

  /** The request that came last. */
  get last(): SeenRequest {
    return this.seen.at(-1)!;
  }

  /** Rejects for models that are not there; all are, unless a test says otherwise. */
  find: (name: string, version: string) => Promise<void> = async () => undefined;

  findModel(name: string, version: string): Promise<void> {
    return this.find(name, version);
  }

  async isLive(): Promise<boolean> {
    return this.live;
  }

  async isReady(): Promise<boolean> {
    return this.ready;
  }

  async isModelReady(name: string, version: string): Promise<boolean> {
    return this.readyModels(name, version);
  }

  async serverMetadata(): Promise<ServerMetadata> {
    return this.server;
  }

  async modelMetadata(name: string, version: string): Promise<ModelMetadata> {
    return this.metadata(name, version);
  }

  async modelConfig(name: string, version: string): Promise<ConfigMessage> {
    return this.config(name, version);
  }

  async modelStatistics(name: string, version: string): Promise<readonly ModelStatistics[]> {
    return this.statistics(name, version);
  }

  /** Of the statistics and the index. */
  async readyNames(version: string): Promise<readonly string[]> {
    return [...new Set(this.statistics('', version).map(({ name }) => name))];
  }

  async statisticsOf(names: readonly string[]): Promise<readonly ModelStatistics[]> {
    return this.statistics('', '').filter(({ name }) => names.includes(name));
  }

  async indexNames(): Promise<readonly string[]> {
    return [...new Set(this.index.map(({ name }) => name))];
  }

  async indexOf(names: readonly string[], readyOnly: boolean): Promise<readonly ModelIndexEntry[]> {
    this.indexCalls.push(readyOnly);
    return this.index.filter(({ name }) => names.includes(name));
  }

  async loadModel(name: string, options: LoadOptions): Promise<void> {
    this.controlCalls.push('load');
    this.loads.push({ name, options });
    if (this.loadFailure !== null) throw this.loadFailure;
  }

  async unloadModel(name: string, options: { readonly unloadDependents: boolean }): Promise<void> {
    this.controlCalls.push('unload');
    this.unloads.push({ name, unloadDependents: options.unloadDependents });
    if (this.loadFailure !== null) throw this.loadFailure;
  }
}

export const unknownModel = (name: string): Error => notFound(`Request for unknown model: '${name}' is not found`);

/** An output with nothing but its tensor. */
export const output = (tensor: Tensor, classificationCount = 0, labels: readonly string[] = []): OutputTensor => ({
  ...tensor,
  labels,
  classificationCount,
});

/** The inputs as outputs, restricted to the requested ones when there are any. */
const echoed = (request: InferenceRequest): OutputTensor[] =>
  request.inputs
    .filter(({ name }) => request.outputs.length === 0 || request.outputs.some((wanted) => wanted.name === name))
    .map((tensor) =>
      output(tensor, request.outputs.find((wanted) => wanted.name === tensor.name)?.classificationCount ?? 0),
    );
