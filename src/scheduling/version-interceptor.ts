/**
 * The interceptors around one model version: behind admission and before the scheduler, with configuration, signature
 * and rows known. A cache, single flight, traces and limits of a version are each an interceptor.
 */

import type { InferenceContext } from '../inference/context.ts';
import type { ResponseSink } from '../inference/infer.ts';
import type { ModelConfig } from '../model-config/model-config.ts';
import type { ModelSignature } from '../model-config/signature.ts';
import type { AdmittedRequest } from './admission/admitted-request.ts';

/** Runs admitted requests; a scheduler is one. */
export interface AdmittedInfer {
  schedule(request: AdmittedRequest, context: InferenceContext, sink: ResponseSink): void;
}

/** The version that an interceptor wraps. */
export interface VersionFacts {
  readonly modelName: string;
  /** Decimal text. */
  readonly modelVersion: string;
  readonly config: ModelConfig;
  readonly signature: ModelSignature;
}

/** Called once for each version that is loaded. Null leaves the version alone, at no cost. */
export type VersionInterceptor = (version: VersionFacts, next: AdmittedInfer) => AdmittedInfer | null;

/** The first interceptor becomes the outermost; the scheduler itself where none wants this version. */
export const wrapScheduler = (
  interceptors: readonly VersionInterceptor[],
  version: VersionFacts,
  scheduler: AdmittedInfer,
): AdmittedInfer =>
  interceptors.reduceRight((next: AdmittedInfer, interceptor) => interceptor(version, next) ?? next, scheduler);
