/** The text of `--help`, 100 columns wide, made from the table of flags that the parser uses. */

import type { CommandName } from './command-line.ts';
import { type Flag, type FlagTable, flagGroups, valueText } from './flag.ts';
import { serveFlags } from './serve-flags.ts';
import { wrap } from './table.ts';
import { tritonFlags } from './triton-flags.ts';

const width = 100;
const helpColumn = 6;

const generalHelp = `nereid – serves ONNX models over HTTP and gRPC, with Triton's protocol, repository and configuration

  nereid serve [flags]               serve a model repository; "nereid serve --help" lists the flags
  nereid inspect <model.onnx>        show inputs, outputs, datatypes, shapes and labels
  nereid validate <repository>...    check every model and configuration before serving them
  nereid doctor                      show what this machine offers, and what is missing for the GPU
  nereid gpu install|list|remove     bring ONNX Runtime with CUDA to this machine
  nereid --version                   print the version

Examples
  nereid serve --model-repository=models
  nereid serve --model-repository=models --model-control-mode=poll --repository-poll-secs=5
  curl localhost:8000/v2/health/ready
`;

const inspectHelp = `nereid inspect <model.onnx> [flags]

Shows what a model expects and returns, without running it. Exit code 1 when it cannot be served.

  --device=cpu|cuda:<n>         show which execution provider runs which nodes on this device
  --execution-provider=<name>=<library>[,<key>=<value>…]
                                ask this provider first (repeatable); on the CPU without --device
  --json                        one JSON object in place of tables
  --onnxruntime-library=<path>  ONNX Runtime library to use
  --cuda-library-path=<folder>  folder with CUDA's libraries, looked in first (repeatable)
`;

const validateHelp = `nereid validate <repository>... [flags]

Resolves the configuration of every model as "nereid serve" would, and reports every problem with
file, line and column. Nothing is served. Exit code 1 when any model has a problem.

  --json                           one JSON object in place of text
  --disable-auto-complete-config   do not complete configurations from the model files
  --model-config-name=<name>       read configs/<name>.pbtxt of a model, where it exists
  --onnxruntime-library=<path>     ONNX Runtime library to use
  --cuda-library-path=<folder>     folder with CUDA's libraries, looked in first (repeatable)
`;

const doctorHelp = `nereid doctor [flags]

Shows the runtime, its providers, the devices and the thread plan, and what to do to get the GPU.
Multiplies two small matrices on each device. Exit code 1 when models cannot be served on this
machine, or a device fails.

  --json                        one JSON object in place of text
  --onnxruntime-library=<path>  ONNX Runtime library to use
  --cuda-library-path=<folder>  folder with CUDA's libraries, looked in first (repeatable)
`;

const gpuHelp = `nereid gpu install [--from=<folder>] [--into=<folder>] [--index-url=<address>] [--lock-file=<file>]
nereid gpu list [--into=<folder>] [--json]
nereid gpu remove <runtime>... [--into=<folder>]

install brings ONNX Runtime with CUDA, cuDNN and all they need but the NVIDIA driver: wheels of the
Python package index, checked against a lock file. Python is not needed, nor the CUDA toolkit.
NVIDIA's wheels are under NVIDIA's licences, which are unpacked beside the libraries. "nereid serve"
uses the newest installed runtime when there is a driver. An interrupted install leaves nothing
half; the same command goes on with what was downloaded.

  --from=<folder>         take the wheels from a folder, for machines without network
  --into=<folder>         folder of runtimes [$XDG_CACHE_HOME/nereid/runtime]; for another one, set
                          NEREID_RUNTIME to the folder that install names
  --index-url=<address>   package index [PIP_INDEX_URL, pip's files, https://pypi.org/simple]
  --lock-file=<file>      other wheels than those this version was made for
  --json                  one JSON object in place of text

Credentials come from the index's address or ~/.netrc, proxies and certificates as for pip.
`;

function flagText(name: string, flag: Flag): string {
  const value = valueText(flag);
  const names = [name, ...(flag.aliases ?? [])].map((each) => `--${each}`).join(', ');
  const repeated = flag.isRepeatable ? ' (repeatable)' : '';
  const initial = flag.initial === null ? '' : ` [${flag.initial}]`;
  const head = `  ${names}${value === null ? '' : `=${value}`}${initial}${repeated}`;
  const indent = ' '.repeat(helpColumn);
  return [head, ...wrap(flag.help, width - helpColumn).map((line) => indent + line)].join('\n');
}

function groupTexts(table: FlagTable): readonly string[] {
  return flagGroups.flatMap((group) => {
    const flags = Object.entries(table).filter(([, flag]) => flag.group === group && flag.effect.kind === 'honoured');
    return flags.length === 0 ? [] : [`${group}\n${flags.map(([name, flag]) => flagText(name, flag)).join('\n')}\n`];
  });
}

/** The names of Triton's flags that have no effect here. */
function namesWithout(kind: 'ignored' | 'refused'): string {
  const names = Object.entries<Flag>({ ...serveFlags, ...tritonFlags })
    .filter(([, flag]) => flag.effect.kind === kind)
    .map(([name]) => `--${name}`);
  return wrap(names.join(' '), width - 2)
    .map((line) => `  ${line}`)
    .join('\n');
}

function serveHelp(): string {
  return `nereid serve [flags] – serve a model repository over HTTP (8000), gRPC (8001) and metrics (8002)

Examples
  nereid serve                                           # ./model-repository
  nereid serve --model-repository=models --model-control-mode=poll
  nereid serve --model-repository=models --model-control-mode=explicit --load-model=resnet50
  NEREID_MODEL_REPOSITORY=/models nereid serve --log-format=json

Flags are --name=value or --name value; a unique beginning of a name will do. [default]

${groupTexts(serveFlags).join('\n')}
Flags of Triton that are accepted and have no effect (the log says why)
${namesWithout('ignored')}

Flags of Triton whose feature is not in this version (refused with the reason)
${namesWithout('refused')}
`;
}

/** `topic` null is the overview. */
export function helpText(topic: CommandName | null): string {
  switch (topic) {
    case null:
      return generalHelp;
    case 'serve':
      return serveHelp();
    case 'inspect':
      return inspectHelp;
    case 'validate':
      return validateHelp;
    case 'doctor':
      return doctorHelp;
    case 'gpu':
      return gpuHelp;
  }
}
