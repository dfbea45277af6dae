/** The bench's command line: which bench to run. The benches are in files of their own. */

import { readBenchCommand } from './bench-options.ts';
import { compareFiles } from './compare.ts';
import { benchCompute } from './compute.ts';
import { benchFrontends } from './frontends.ts';
import { benchGarbage } from './garbage.ts';
import { benchGpu } from './gpu.ts';
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

const usage = `npm run bench                          serving, then compute
npm run bench -- serving               CPU us per request, req/s, p50 and p99 over gRPC and HTTP
npm run bench -- compute               a compute-bound model against a bare C++ loop over ONNX Runtime
npm run bench -- frontends             gRPC transports alone: ours, grpc-js and C++ grpc++, all echoing
npm run bench -- path                  the whole path: ours, ours over grpc-js, C++ grpc++ with ONNX Runtime
npm run bench -- tensors [--before=FOLDER]    256 KiB, 4 and 16 MiB out and in: gRPC and C++, HTTP and node:http
npm run bench -- neighbours [--before=FOLDER] a patient client beside scrapes, large JSON and large tensors
npm run bench -- threads               one, two, four … frontend threads, nothing pinned
npm run bench -- gpu                   models on a GPU against a bare C++ loop over ONNX Runtime there
npm run bench -- reload                latency of a model while another is loaded and unloaded
npm run bench -- regression --before=FOLDER   this build beside the built checkout in FOLDER, all loads
npm run bench -- garbage               what a request leaves for the collector
npm run bench -- states [--before=FOLDER]     fresh starts: latencies, collections and buffers of each
npm run bench -- micro [${microNames.join('|')}]
npm run bench -- compare A.json B.json
npm run bench -- build                 only compiles, for machines without compilers that the checkout is carried to

  --rounds=N         measurements of each case, interleaved; 5 unless given (gpu, reload: 1, regression: 3)
  --seconds=S        length of one measurement; 2 unless given (gpu, regression: 1, reload: 3)
  --processes=N      fresh processes of each build in regression; 4 unless given
  --only=TEXT        only the cases of serving, frontends and path whose name contains TEXT
  --server-flag=F    a further flag for the server; may be repeated
  --threads=N,N      numbers of frontend threads to compare in threads
  --device=cpu       where the models of gpu and reload run, cuda (the first GPU) unless given; small models on cpu
  --short            a part of gpu, reload and threads
  --generator=NAME   what makes the load of frontends and path: h2load, own, or auto for h2load where it is installed

Results are written to bench/results/, or to the folder BENCH_RESULTS. Run it on a machine that does nothing else.`;

function reportBuild(problem: string | null): number {
  console.log(problem ?? 'built');
  return problem === null ? 0 : 1;
}

/** Runs what the arguments ask for. Resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const command = readBenchCommand(args);
  const [name = 'all', ...rest] = command.words;
  switch (name) {
    case 'all':
      await benchServing(command);
      await benchCompute(command);
      return 0;
    case 'serving':
      await benchServing(command);
      return 0;
    case 'regression':
      if (command.before === '') break;
      await benchRegression(command.before, command);
      return 0;
    case 'garbage':
      await benchGarbage(command);
      return 0;
    case 'states':
      await benchStates(command);
      return 0;
    case 'tensors':
      await benchTensors(command);
      return 0;
    case 'neighbours':
      await benchNeighbours(command);
      return 0;
    case 'threads':
      await benchThreads(command);
      return 0;
    case 'gpu':
      return (await benchGpu(command)) ? 0 : 1;
    case 'reload':
      await benchReload(command);
      return 0;
    case 'build':
      return reportBuild(buildBareLoop());
    case 'compute':
      await benchCompute(command);
      return 0;
    case 'frontends':
      await benchFrontends(command);
      return 0;
    case 'path':
      await benchPath(command);
      return 0;
    case 'micro':
      return benchMicro(rest) ? 0 : 1;
    case 'compare':
      if (rest.length !== 2) break;
      compareFiles(rest[0], rest[1]);
      return 0;
    default:
      break;
  }
  console.error(usage);
  return name === 'help' ? 0 : 2;
}
