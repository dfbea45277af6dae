/** The settings of the server and facts of the machine on which the meaning of a configuration depends. */
export interface ConfigSettings {
  /** False with `--disable-auto-complete-config`. */
  readonly autoComplete: boolean;
  /** max_batch_size that a batching model without one gets. */
  readonly defaultMaxBatchSize: number;
  /** Ordinals of the usable GPUs; empty where there are none. */
  readonly gpuOrdinals: readonly number[];
  /** Why there are none, as one sentence; added to the error when a configuration demands a GPU. */
  readonly gpuProblem?: string | null;
  /** The execution providers that were registered with `--execution-provider`, by name; none unless given. */
  readonly plugins?: readonly string[];
}
