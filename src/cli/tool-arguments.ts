/** The flags of `inspect`, `validate`, `doctor` and `gpu`. */

import { resolve } from 'node:path';
import type { Device } from '../engine/engine.ts';
import type { PluginLibrary } from '../engine/native-engine.ts';
import { type FlagTable, honoured } from './flag.ts';
import { FlagValues, valueProblem } from './flag-values.ts';
import { parseFlags } from './parse-flags.ts';
import { readPlugins } from './plugin-flag.ts';
import { UsageError } from './usage-error.ts';

const toolFlags = {
  json: { type: 'switch', group: 'Server', initial: null, effect: honoured, help: 'Print JSON.' },
  'onnxruntime-library': {
    type: 'text',
    group: 'Engine and memory',
    initial: null,
    placeholder: 'path',
    effect: honoured,
    help: 'ONNX Runtime library to use.',
  },
  'cuda-library-path': {
    type: 'text',
    group: 'Engine and memory',
    initial: null,
    placeholder: 'folder',
    isRepeatable: true,
    effect: honoured,
    help: 'Folder that is looked in first for the libraries of CUDA.',
  },
} as const satisfies FlagTable;

const validateFlags = {
  ...toolFlags,
  'disable-auto-complete-config': {
    type: 'switch',
    group: 'Models',
    initial: null,
    effect: honoured,
    help: 'Do not complete configurations from the model files.',
  },
  'model-config-name': {
    type: 'text',
    group: 'Models',
    initial: null,
    placeholder: 'name',
    effect: honoured,
    help: 'Read configs/<name>.pbtxt of a model, where it exists.',
  },
} as const satisfies FlagTable;

const inspectFlags = {
  ...toolFlags,
  device: {
    type: 'text',
    group: 'Engine and memory',
    initial: null,
    placeholder: 'device',
    effect: honoured,
    help: 'cpu or cuda:0: show which execution provider runs which nodes there.',
  },
  'execution-provider': {
    type: 'text',
    group: 'Engine and memory',
    initial: null,
    placeholder: 'name=library[,key=value…]',
    isRepeatable: true,
    effect: honoured,
    help: 'Library of an execution provider; the first one is asked where the configuration names none.',
  },
} as const satisfies FlagTable;

const gpuText = { type: 'text', group: 'Engine and memory', initial: null, effect: honoured } as const;
const into = { ...gpuText, placeholder: 'folder', help: 'Folder of runtimes.' } as const;

const gpuFlags = {
  install: {
    into,
    from: { ...gpuText, placeholder: 'folder', help: 'Take the wheels from a folder.' },
    'index-url': { ...gpuText, placeholder: 'address', help: 'Package index.' },
    'lock-file': { ...gpuText, placeholder: 'file', help: 'Other wheels than those this version was made for.' },
  },
  list: { into, json: toolFlags.json },
  remove: { into },
} as const satisfies Readonly<Record<string, FlagTable>>;

/** Texts as they were given; null for what was not. */
export interface GpuArguments {
  readonly names: readonly string[];
  readonly into: string | null;
  readonly from: string | null;
  readonly indexUrl: string | null;
  readonly lockFile: string | null;
  readonly json: boolean;
}

interface ToolArguments {
  /** Absolute paths. */
  readonly paths: readonly string[];
  readonly json: boolean;
  /** Absolute path, or null. */
  readonly libraryPath: string | null;
  /** Absolute. */
  readonly cudaLibraryPaths: readonly string[];
}

export interface ValidateArguments extends ToolArguments {
  readonly autoComplete: boolean;
  readonly configName: string | null;
}

/** The number of paths of a tool, and their names. */
interface Operands {
  readonly what: string;
  readonly min: number;
  readonly max: number;
}

/** Of a tool that takes flags alone. */
export const noOperands: Operands = { what: 'nothing', min: 0, max: 0 };

function read<Table extends FlagTable>(words: readonly string[], table: Table, operands: Operands) {
  const parsed = parseFlags(words, table);
  const problems = [...parsed.problems];
  for (const { name, value } of parsed.given) {
    const flag = table[name];
    const problem = flag === undefined ? null : valueProblem(flag, value);
    if (problem !== null) problems.push(`--${name} ${problem}`);
  }
  const count = parsed.operands.length;
  if (count < operands.min) problems.push(`${operands.what} is missing`);
  if (count > operands.max) problems.push(`unexpected argument '${parsed.operands[operands.max]}'`);
  if (problems.length > 0) throw new UsageError(problems);
  return { values: new FlagValues(table, parsed.given), operands: parsed.operands };
}

/** The values of `toolFlags`, maybe among others. */
type ToolValues = Pick<FlagValues<typeof toolFlags>, 'text' | 'all' | 'isGiven'>;

/** What all tools that open an engine take. */
function toolArguments(values: ToolValues, paths: readonly string[], cwd: string): ToolArguments {
  const library = values.text('onnxruntime-library');
  return {
    paths: paths.map((path) => resolve(cwd, path)),
    json: values.isGiven('json'),
    libraryPath: library === null ? null : resolve(cwd, library),
    cudaLibraryPaths: values.all('cuda-library-path').map((path) => resolve(cwd, path)),
  };
}

/** Throws a `UsageError`. */
export function parseToolArguments(words: readonly string[], operands: Operands, cwd: string): ToolArguments {
  const { values, operands: paths } = read(words, toolFlags, operands);
  return toolArguments(values, paths, cwd);
}

interface InspectArguments extends ToolArguments {
  /** Where to ask for the nodes; null not to ask. The CPU unless given, where there are plug-ins. */
  readonly device: Device | null;
  readonly plugins: readonly PluginLibrary[];
}

function deviceOf(text: string | null): Device | null {
  if (text === null) return null;
  if (text === 'cpu') return { kind: 'cpu' };
  const [, digits] = /^cuda(?::(\d{1,3}))?$/.exec(text) ?? [null, null];
  if (digits === null) throw new UsageError([`--device expects cpu, cuda or cuda:N but '${text}' was given`]);
  return { kind: 'cuda', ordinal: Number(digits ?? 0) };
}

/** Throws a `UsageError`. */
export function parseInspectArguments(words: readonly string[], cwd: string): InspectArguments {
  const { values, operands } = read(words, inspectFlags, { what: 'a model file', min: 1, max: 1 });
  const problems: string[] = [];
  const plugins = readPlugins(values.all('execution-provider'), cwd, problems);
  if (problems.length > 0) throw new UsageError(problems);
  const device = deviceOf(values.text('device')) ?? (plugins.length > 0 ? { kind: 'cpu' } : null);
  return { ...toolArguments(values, operands, cwd), device, plugins };
}

/** Throws a `UsageError`. */
export function parseValidateArguments(words: readonly string[], cwd: string): ValidateArguments {
  const { values, operands } = read(words, validateFlags, { what: 'a model repository', min: 1, max: 64 });
  return {
    ...toolArguments(values, operands, cwd),
    autoComplete: !values.isGiven('disable-auto-complete-config'),
    configName: values.text('model-config-name'),
  };
}

/** Throws a `UsageError`. */
export function parseGpuArguments(action: keyof typeof gpuFlags, words: readonly string[]): GpuArguments {
  const none = { names: [], from: null, indexUrl: null, lockFile: null, json: false };
  switch (action) {
    case 'install': {
      const { values } = read(words, gpuFlags.install, noOperands);
      const [from, indexUrl] = [values.text('from'), values.text('index-url')];
      if (from !== null && indexUrl !== null) throw new UsageError(['--from and --index-url exclude each other']);
      return { ...none, into: values.text('into'), from, indexUrl, lockFile: values.text('lock-file') };
    }
    case 'list': {
      const { values } = read(words, gpuFlags.list, noOperands);
      return { ...none, into: values.text('into'), json: values.isGiven('json') };
    }
    case 'remove': {
      const { values, operands } = read(words, gpuFlags.remove, { what: 'the name of a runtime', min: 1, max: 64 });
      return { ...none, into: values.text('into'), names: operands };
    }
  }
}
