/**
 * The flags of `nereid serve` that have an effect, with type, default and help: the one table for parsing, `--help` and
 * docs/flags.md. Names, defaults and meanings are Triton's where Triton has the flag.
 */

import { type FlagTable, honoured } from './flag.ts';
import { choice, text, wholeNumber, yesNo } from './flag-shapes.ts';
import { frontendFlags } from './frontend-flags.ts';
import { observabilityFlags } from './observability-flags.ts';

export const serveFlags = {
  'model-repository': {
    ...text,
    group: 'Models',
    initial: null,
    placeholder: 'folder',
    aliases: ['model-store'],
    isRepeatable: true,
    help: 'Folder with one subfolder per model; may be given several times. Without it: NEREID_MODEL_REPOSITORY, or ./model-repository if that exists.',
  },
  'model-control-mode': {
    ...choice,
    group: 'Models',
    initial: 'none',
    choices: ['none', 'poll', 'explicit'],
    help: 'none: load all models once. poll: follow changes of the repository. explicit: load and unload by API only.',
  },
  'repository-poll-secs': {
    type: 'number',
    effect: honoured,
    group: 'Models',
    initial: '15',
    min: 0,
    max: 86_400,
    placeholder: 'seconds',
    help: 'Time between two scans of the repository in mode poll. A change is loaded when two consecutive scans agree. 0: look once, at the start.',
  },
  'load-model': {
    ...text,
    group: 'Models',
    initial: null,
    placeholder: 'model',
    isRepeatable: true,
    help: 'Model to load at start in mode explicit; may be given several times. * alone loads all.',
  },
  'exit-on-error': { ...yesNo, group: 'Models', initial: 'true', help: 'End when a model cannot be loaded at start.' },
  'strict-readiness': {
    ...yesNo,
    group: 'Models',
    initial: 'true',
    help: 'true: a model that failed to load at start keeps the server unready until it serves or is unloaded. false: such models do not count.',
  },
  'disable-auto-complete-config': {
    type: 'switch',
    effect: honoured,
    group: 'Models',
    initial: null,
    help: 'Do not complete configurations from the model files; config.pbtxt must then say everything.',
  },
  'strict-model-config': {
    ...yesNo,
    group: 'Models',
    initial: 'false',
    help: 'The older name of --disable-auto-complete-config.',
  },
  'model-config-name': {
    ...text,
    group: 'Models',
    initial: null,
    placeholder: 'name',
    help: 'Read configs/<name>.pbtxt of a model in place of config.pbtxt, where it exists.',
  },
  'model-load-thread-count': {
    ...wholeNumber,
    group: 'Models',
    initial: '4',
    min: 1,
    max: 256,
    help: 'Models that are loaded at the same time.',
  },
  'model-load-retry-count': {
    ...wholeNumber,
    group: 'Models',
    initial: '0',
    min: 0,
    max: 1_000,
    help: 'How often a failed load is tried again.',
  },
  ...frontendFlags,
  ...observabilityFlags,
  id: { ...text, group: 'Server', initial: 'triton', placeholder: 'name', help: 'Name in the server metadata.' },
  'frontend-threads': {
    ...wholeNumber,
    group: 'Server',
    initial: '0',
    min: 0,
    max: 64,
    placeholder: 'n',
    help: 'Threads that speak HTTP and gRPC, all on the same ports; batches form across them. 1: the main thread alone. 0: a quarter of the cores, at least 1 and at most 8.',
  },
  'exit-timeout-secs': {
    ...wholeNumber,
    group: 'Server',
    initial: '30',
    min: 0,
    max: 2_000_000,
    placeholder: 'seconds',
    help: 'After a signal, time to answer accepted requests and unload. Requests that are left then are dropped, and the exit code is 1.',
  },
  'max-inflight-bytes': {
    ...wholeNumber,
    group: 'Server',
    initial: '0',
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    placeholder: 'bytes',
    help: 'Memory that requests and answers may take together, from the first byte that is received until the answer has left; what does not fit is refused at once. 0: a quarter of the memory that the process may use, at most 1 GiB.',
  },
  'max-queued-requests': {
    ...wholeNumber,
    group: 'Server',
    initial: '10000',
    min: 1,
    max: 2 ** 31 - 1,
    help: 'Requests that wait for one model, unless its configuration sets fewer; more are refused at once.',
  },
  'max-concurrent-runs': {
    ...wholeNumber,
    group: 'Server',
    initial: '0',
    min: 0,
    max: 2 ** 31 - 1,
    help: 'Batches that run at once on each device, over all models, which take turns. 0: as many as there are instances.',
  },
  'onnxruntime-library': {
    ...text,
    group: 'Engine and memory',
    initial: null,
    placeholder: 'path',
    help: 'ONNX Runtime library to use. Without it: that of NEREID_RUNTIME, of nereid gpu install if there is an NVIDIA driver, or of the onnxruntime-node package.',
  },
  'cuda-library-path': {
    ...text,
    group: 'Engine and memory',
    initial: null,
    placeholder: 'folder',
    isRepeatable: true,
    help: "Folder that is looked in first for the libraries of CUDA and cuDNN; may be given several times. Others: beside ONNX Runtime, LD_LIBRARY_PATH, NVIDIA's wheels in the active Python environment, /usr/local/cuda.",
  },
  'execution-provider': {
    ...text,
    group: 'Engine and memory',
    initial: null,
    placeholder: 'name=library[,key=value…]',
    isRepeatable: true,
    help: 'Library of an execution provider, registered with ONNX Runtime under this name, and its options; may be given several times. Models ask for it in optimization.execution_accelerators.',
  },
  'backend-config': {
    ...text,
    group: 'Engine and memory',
    initial: null,
    placeholder: '[backend,]key=value',
    isRepeatable: true,
    help: 'default-max-batch-size=4 (for models without a configuration), auto-complete-config=true; with onnxruntime: enable-global-threadpool=0, intra_op_thread_count=0, inter_op_thread_count=0.',
  },
} as const satisfies FlagTable;

export type ServeFlags = typeof serveFlags;
