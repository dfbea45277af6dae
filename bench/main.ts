/** The command line of the benches, which are in files of their own. */

import { type BenchCommand, readBenchCommand, usualText } from './bench-options.ts';
import { compareFiles } from './compare.ts';
import { benchCompute } from './compute.ts';
import { benchFirstSeconds } from './first-seconds.ts';
import { benchFrontends } from './frontends.ts';
import { benchGarbage } from './garbage.ts';
import { benchGpu } from './gpu.ts';
import { benchGrowth } from './growth.ts';
import { benchInstructions } from './instructions.ts';
import { benchLoading } from './loading.ts';
import { benchMicro, microNames } from './micro.ts';
import { benchNeighbours } from './neighbours.ts';
import { benchPath } from './path.ts';
import { buildBareLoop } from './process/bare-loop.ts';
import { benchRegression } from './regression.ts';
import { benchReload } from './reload.ts';
import { benchServing } from './serving.ts';
import { benchStates } from './states.ts';
import { benchTensors } from './tensors.ts';
import { benchThreads } from './threads.ts';

interface Bench {
  /** The arguments after its name, as the usage shows them. */
  readonly form?: string;
  readonly purpose: string;
  /** Whether the command has the arguments that it needs; absent where it needs none. */
  readonly accepts?: (command: BenchCommand) => boolean;
  /** It failed if this is, or resolves to, false. */
  readonly run: (command: BenchCommand) => unknown;
}

const argumentsOf = ({ words }: BenchCommand): readonly string[] => words.slice(1);

/** By their names on the command line, in the order of the usage. */
const benches: ReadonlyMap<string, Bench> = new Map<string, Bench>([
  ['serving', { purpose: 'CPU us per request, req/s, p50 and p99 over gRPC and HTTP', run: benchServing }],
  ['compute', { purpose: 'a compute-bound model against a bare C++ loop over ONNX Runtime', run: benchCompute }],
  ['frontends', { purpose: 'gRPC transports alone: ours, grpc-js and C++ grpc++, all echoing', run: benchFrontends }],
  ['path', { purpose: 'the whole path: ours, ours over grpc-js, C++ grpc++ with ONNX Runtime', run: benchPath }],
  [
    'tensors',
    {
      form: '[--before=FOLDER]',
      purpose: '256 KiB, 4 and 16 MiB out and in: gRPC and C++, HTTP and node:http',
      run: benchTensors,
    },
  ],
  [
    'neighbours',
    {
      form: '[--before=FOLDER]',
      purpose: 'a patient client beside scrapes, large JSON and large tensors',
      run: benchNeighbours,
    },
  ],
  ['threads', { purpose: 'one, two, four … frontend threads, nothing pinned', run: benchThreads }],
  ['gpu', { purpose: 'models on a GPU against a bare C++ loop over ONNX Runtime there', run: benchGpu }],
  [
    'loading',
    {
      form: '[--before=FOLDER]',
      purpose: 'the load of a model of 400 MiB, and ONNX Runtime alone',
      run: benchLoading,
    },
  ],
  ['reload', { purpose: 'latency of a model while another is loaded and unloaded', run: benchReload }],
  [
    'regression',
    {
      form: '--before=FOLDER',
      purpose: 'this build beside the built checkout in FOLDER, all loads',
      accepts: ({ before }) => before !== '',
      run: (command) => benchRegression(command.before, command),
    },
  ],
  [
    'instructions',
    {
      form: '[--before=FOLDER]',
      purpose: 'instructions of the main thread per request, with valgrind',
      run: benchInstructions,
    },
  ],
  [
    'first-seconds',
    {
      form: '[--before=FOLDER]',
      purpose: 'what a request costs in the first seconds of a process',
      run: benchFirstSeconds,
    },
  ],
  ['garbage', { purpose: 'what a request leaves for the collector', run: benchGarbage }],
  [
    'states',
    {
      form: '[--before=FOLDER]',
      purpose: 'fresh starts: latencies, collections and buffers of each',
      run: benchStates,
    },
  ],
  [
    'growth',
    {
      form: '[--before=FOLDER]',
      purpose: '64 to 4,096 connections, 1 to 1,000 models, models that nobody calls',
      run: benchGrowth,
    },
  ],
  [
    'micro',
    {
      form: '[NAME …]',
      purpose: `some of ${microNames.join(', ')}, or all`,
      run: (command) => benchMicro(argumentsOf(command)),
    },
  ],
  [
    'compare',
    {
      form: 'A.json B.json',
      purpose: 'two files of results',
      accepts: (command) => argumentsOf(command).length === 2,
      run: (command) => compareFiles(...(argumentsOf(command) as [string, string])),
    },
  ],
  ['build', { purpose: 'only compiles, for machines without compilers that the checkout is carried to', run: build }],
]);

/** Run without a name. */
const usualBenches = ['serving', 'compute'];

const usageLines = [...benches].map(
  ([name, { form = '', purpose }]) => `npm run bench -- ${`${name} ${form}`.padEnd(29)} ${purpose}`,
);

const usage = `npm run bench                                  ${usualBenches.join(', then ')}
${usageLines.join('\n')}

  --rounds=N         measurements of each case, interleaved; ${usualText('rounds')}
  --seconds=S        length of one measurement; ${usualText('seconds')}
  --processes=N      fresh processes of each build in regression, growth and first-seconds; 4 unless given
  --only=TEXT        only the cases whose name contains TEXT, in all benches but compute, reload and states; growth: also 'idle';
                     instructions: only the shapes of regression whose name contains every word of TEXT
  --server-flag=F    a further flag for the server; may be repeated
  --threads=N,N      numbers of frontend threads to compare in threads
  --device=cpu       where the models of gpu and reload run, cuda (the first GPU) unless given; small models on cpu
  --short            a part of gpu, reload and threads
  --generator=NAME   what makes the load of frontends and path: h2load, own, or auto for h2load where it is installed

Results are written to bench/results/, or to the folder BENCH_RESULTS. Run it on a machine that does nothing else.`;

function build(): boolean {
  const problem = buildBareLoop();
  console.log(problem ?? 'built');
  return problem === null;
}

/** Runs what the arguments ask for. Resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const command = readBenchCommand(args);
  const [name] = command.words;
  const wanted = (name === undefined ? usualBenches : [name]).map((each) => benches.get(each));
  for (const bench of wanted) {
    if (bench === undefined || bench.accepts?.(command) === false) {
      console.error(usage);
      return name === 'help' ? 0 : 2;
    }
    if ((await bench.run(command)) === false) return 1;
  }
  return 0;
}
