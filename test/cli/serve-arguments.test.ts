import { describe, expect, it } from 'vitest';
import { allServeFlags, parseServeArguments } from '../../src/cli/serve-arguments.ts';
import { UsageError } from '../../src/cli/usage-error.ts';
import { surroundings } from './surroundings.ts';

const parse = (...words: string[]) => parseServeArguments(['--model-repository=models', ...words], surroundings());

function problemsOf(...words: string[]): readonly string[] {
  try {
    parse(...words);
  } catch (error) {
    if (error instanceof UsageError) return error.problems;
    throw error;
  }
  return [];
}

describe('the serve command line', () => {
  it('has the defaults of Triton', () => {
    const config = parse();
    expect(config).toEqual({
      id: 'triton',
      version: '1.2.3',
      exitTimeoutMs: 30_000,
      frontendThreads: 1,
      repository: {
        paths: ['/srv/models'],
        controlMode: 'none',
        pollIntervalMs: 15_000,
        startupModels: [],
        exitOnError: true,
        strictReadiness: true,
        autoComplete: true,
        configName: null,
        loadConcurrency: 4,
        loadRetryCount: 0,
      },
      engine: {
        libraryPath: null,
        cudaLibraryPaths: [],
        plugins: [],
        defaultMaxBatchSize: 4,
        globalThreadPool: false,
        globalIntraOpThreads: 0,
        globalInterOpThreads: 0,
      },
      limits: { maxInflightBytes: 2 ** 30, maxQueuedRequests: 10_000, maxConcurrentRuns: 0 },
      http: {
        listen: { host: '0.0.0.0', port: 8000 },
        transport: 'nereid',
        maxInputBytes: 67_108_864,
        headerForwardPattern: null,
        restrictions: [],
      },
      grpc: {
        listen: { host: '0.0.0.0', port: 8001 },
        maxMessageBytes: 2_147_483_647,
        headerForwardPattern: null,
        restrictions: [],
        responseCompressionLevel: 'none',
        transport: 'nereid',
        keepaliveTimeMs: 7_200_000,
        keepaliveTimeoutMs: 20_000,
        maxConnectionAgeMs: 0,
        maxConnectionAgeGraceMs: 0,
      },
      metrics: {
        listen: { host: '0.0.0.0', port: 8002 },
        intervalMs: 2_000,
        cpuMetrics: true,
        gpuMetrics: true,
        counterLatencies: true,
        histogramLatencies: true,
        histogramFamilies: ['request', 'queue'],
        histogramBucketsUs: null,
        summaryLatencies: false,
        summaryQuantiles: [0.5, 0.9, 0.95, 0.99, 0.999],
      },
      log: { level: 'info', format: 'auto', file: null },
      requestLog: { requests: 'none', slowRequestMs: 0 },
      ignoredFlags: [],
    });
  });

  it('is frozen through and through', () => {
    const config = parse();
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.repository.paths)).toBe(true);
    expect(Object.isFrozen(config.http.listen)).toBe(true);
  });

  it('takes values after an equals sign or as the next word', () => {
    expect(parse('--http-port=9000', '--grpc-port', '9001')).toMatchObject({
      http: { listen: { port: 9000 } },
      grpc: { listen: { port: 9001 } },
    });
  });

  it('takes booleans as true, false, on, off, 1 and 0 in any case', () => {
    for (const [value, expected] of [
      ['TRUE', true],
      ['False', false],
      ['1', true],
      ['0', false],
      ['On', true],
      ['off', false],
    ] as const) {
      expect(parse(`--strict-readiness=${value}`).repository.strictReadiness).toBe(expected);
    }
  });

  it('takes any beginning of a name that is unique', () => {
    expect(parse('--exit-t=5').exitTimeoutMs).toBe(5_000);
    expect(parse('--cache-dir=/x').ignoredFlags[0]).toContain('--cache-directory=/x has no effect');
    expect(problemsOf('--http-p=1', '--grpc-keep=1')).toEqual([
      '--grpc-keep is ambiguous: it may mean --grpc-keepalive-time, --grpc-keepalive-timeout, --grpc-keepalive-permit-without-calls',
    ]);
  });

  it('lets the last of several values win, unless the flag may be repeated', () => {
    expect(parse('--http-port=1', '--http-port=2').http.listen?.port).toBe(2);
    expect(parse('--model-store=/models').repository.paths).toEqual(['/srv/models', '/models']);
  });

  it('suggests the flag that was meant', () => {
    expect(problemsOf('--http-prot=1')).toEqual(['unknown flag --http-prot; did you mean --http-port?']);
    expect(problemsOf('--zzzzzzzzzzz')).toEqual(['unknown flag --zzzzzzzzzzz']);
    expect(problemsOf('--__proto__=1')).toEqual(['unknown flag --__proto__']);
    expect(problemsOf('--constructor=1')).toEqual(['unknown flag --constructor']);
  });

  it('names flag, expectation and value of everything that is wrong, at once', () => {
    expect(
      problemsOf('--http-port=70000', '--allow-http=yes', '--model-control-mode=auto', '--http-max-input-size=0'),
    ).toEqual([
      "--http-port expects a whole number between 0 and 65535 but '70000' was given",
      "--allow-http expects true or false but 'yes' was given",
      "--model-control-mode expects one of none, poll, explicit but 'auto' was given",
      "--http-max-input-size expects a whole number between 1 and 4294967295 but '0' was given",
    ]);
  });

  it('finds mistakes of every kind before it reports any', () => {
    expect(
      problemsOf('--http-prot=1', 'x', '--id=', '--grpc-use-ssl=1', '--grpc-port=8000', '--backend-config=y').map(
        (problem) => problem.slice(0, 24),
      ),
    ).toEqual([
      'unknown flag --http-prot',
      "unexpected argument 'x';",
      "--id expects text but ''",
      '--grpc-use-ssl=1 cannot ',
      '--backend-config expects',
      'http and grpc cannot bot',
    ]);
  });

  it.each(['-1', '1e3', '0x10', '', ' 5', '5 ', 'NaN', 'Infinity', '9007199254740993000000', '1.5'])(
    'refuses %j as a whole number',
    (value) => {
      expect(problemsOf(`--http-max-input-size=${value}`)).toHaveLength(1);
    },
  );

  it('takes a negative number as a value and refuses the value', () => {
    expect(problemsOf('--http-max-input-size', '-1')[0]).toContain("but '-1' was given");
  });

  it('wants a value where the next word is a flag or missing', () => {
    expect(problemsOf('--id', '--http-port=1')).toEqual(['--id expects a value: --id=<name>']);
    expect(problemsOf('--http-port')).toEqual(['--http-port expects a value: --http-port=<port>']);
  });

  it('refuses a value of a switch, and words that are no flags', () => {
    expect(problemsOf('--disable-auto-complete-config=true')[0]).toContain('takes no value');
    expect(problemsOf('models')[0]).toContain("unexpected argument 'models'");
    expect(problemsOf('-p', '--', '--http-port=1')[0]).toContain('unknown flag -p');
    expect(problemsOf('--', '--http-port=1')[0]).toContain("unexpected argument '--http-port=1'");
  });
});

describe('flags of Triton without a meaning here', () => {
  it('are accepted and listed with the reason', () => {
    const { ignoredFlags } = parse('--http-thread-count=8', '--backend-directory=/opt', '--allow-client-shm=true');
    expect(ignoredFlags).toHaveLength(3);
    expect(ignoredFlags[0]).toBe(
      '--http-thread-count=8 has no effect: one event loop serves all connections and never waits for a model',
    );
    expect(ignoredFlags[2]).toContain('register answers UNIMPLEMENTED');
  });

  it.each([
    '--grpc-use-ssl=true',
    '--rate-limit=execution_count',
    '--cache-config=local,size=1000',
    '--trace-config=level=TIMESTAMPS',
    '--allow-sagemaker=true',
    '--allow-vertex-ai=1',
    '--model-namespacing=true',
    '--response-cache-byte-size=1',
  ])('are refused when they ask for what is not there: %s', (word) => {
    expect(problemsOf(word)[0]).toContain(`${word} cannot be honoured: `);
  });

  it.each([
    '--grpc-use-ssl=false',
    '--rate-limit=off',
    '--trace-config=level=OFF',
    '--allow-sagemaker=0',
    '--grpc-use-ssl=off',
    '--allow-gpu-metrics=off',
    '--model-namespacing=False',
    '--response-cache-byte-size=0',
    '--allow-client-shm=false',
  ])('are fine and silent when they ask for nothing: %s', (word) => {
    expect(parse(word).ignoredFlags).toEqual([]);
  });
});

describe('the flag table', () => {
  it('has defaults that are legal values, and a help for each flag', () => {
    for (const [name, flag] of Object.entries(allServeFlags)) {
      if (flag.initial !== null && flag.effect.kind === 'honoured') {
        expect([name, problemsOf(`--${name}=${flag.initial}`).filter((problem) => problem.includes(' but '))]).toEqual([
          name,
          [],
        ]);
      }
      expect(flag.help.length).toBeGreaterThan(5);
    }
  });

  it('knows every flag of Triton', () => {
    const named = `help id exit-timeout-secs log-verbose log-info log-warning log-error log-format log-file
      model-repository exit-on-error disable-auto-complete-config strict-model-config strict-readiness
      model-control-mode repository-poll-secs load-model model-config-name model-load-thread-count
      model-load-retry-count model-load-gpu-limit model-namespacing enable-peer-access allow-http http-address
      http-port reuse-http-port http-header-forward-pattern http-thread-count http-max-input-size http-restricted-api
      allow-grpc grpc-address grpc-port reuse-grpc-port grpc-header-forward-pattern grpc-infer-thread-count
      grpc-infer-allocation-pool-size grpc-max-response-pool-size grpc-use-ssl grpc-use-ssl-mutual grpc-server-cert
      grpc-server-key grpc-root-cert grpc-infer-response-compression-level grpc-keepalive-time grpc-keepalive-timeout
      grpc-keepalive-permit-without-calls grpc-http2-max-pings-without-data
      grpc-http2-min-recv-ping-interval-without-data grpc-http2-max-ping-strikes grpc-max-connection-age
      grpc-max-connection-age-grace grpc-restricted-protocol allow-metrics allow-gpu-metrics allow-cpu-metrics
      metrics-address metrics-port metrics-interval-ms metrics-config trace-config trace-file trace-level trace-rate
      trace-count trace-log-frequency cache-config cache-directory response-cache-byte-size rate-limit
      rate-limit-resource pinned-memory-pool-byte-size cuda-memory-pool-byte-size cuda-virtual-address-size
      min-supported-compute-capability buffer-manager-thread-count host-policy allow-client-shm backend-directory
      backend-config repoagent-directory allow-sagemaker sagemaker-port sagemaker-safe-port-range
      sagemaker-thread-count allow-vertex-ai vertex-ai-port vertex-ai-thread-count vertex-ai-default-model`.split(
      /\s+/,
    );
    expect(named.filter((name) => name !== 'help' && !Object.hasOwn(allServeFlags, name))).toEqual([]);
  });
});

describe('the repository on the command line', () => {
  const parseIn = (words: string[], folders: string[], env = {}) =>
    parseServeArguments(words, surroundings(folders, env)).repository.paths;

  it('is ./model-repository when nothing is said and it exists', () => {
    expect(parseIn([], ['/srv/model-repository'])).toEqual(['/srv/model-repository']);
    expect(() => parseIn([], [])).toThrow('no model repository');
  });

  it('comes from NEREID_MODEL_REPOSITORY unless a flag says otherwise', () => {
    const env = { NEREID_MODEL_REPOSITORY: '/env' };
    const folders = ['/env', '/flag', '/srv/model-repository'];
    expect(parseIn([], folders, env)).toEqual(['/env']);
    expect(parseIn(['--model-repository=/flag'], folders, env)).toEqual(['/flag']);
  });

  it('must exist and be local', () => {
    expect(() => parseIn(['--model-repository=/gone'], [])).toThrow("existing folder but '/gone' was given");
    expect(() => parseIn(['--model-repository=s3://bucket/x'], [])).toThrow('object stores are not in this version');
  });

  it('is taken once when it is named twice', () => {
    expect(parseIn(['--model-store=a', '--model-repository=/srv/a'], ['/srv/a'])).toEqual(['/srv/a']);
  });

  it('loads single models in mode explicit only', () => {
    expect(problemsOf('--load-model=m')[0]).toContain('--load-model expects --model-control-mode=explicit');
    expect(parse('--model-control-mode=EXPLICIT', '--load-model=a', '--load-model', 'b').repository).toMatchObject({
      controlMode: 'explicit',
      startupModels: ['a', 'b'],
    });
    expect(problemsOf('--model-control-mode=explicit', '--load-model=*', '--load-model=a')).toEqual([
      "Wildcard model name '*' must be the ONLY startup model if specified at all.",
    ]);
  });

  it('polls at fractions of a second if asked', () => {
    expect(parse('--repository-poll-secs=0.25').repository.pollIntervalMs).toBe(250);
    expect(problemsOf('--repository-poll-secs=0.01')).toEqual([
      "--repository-poll-secs expects 0 (look once) or at least 0.05 but '0.01' was given",
    ]);
  });

  it('looks once if asked to poll every 0 seconds, as Triton does', () => {
    expect(parse('--model-control-mode=poll', '--repository-poll-secs=0').repository.pollIntervalMs).toBe(0);
  });

  it('is not completed with either name of the switch, nor with the backend setting', () => {
    expect(parse('--disable-auto-complete-config').repository.autoComplete).toBe(false);
    expect(parse('--strict-model-config=true').repository.autoComplete).toBe(false);
    expect(parse('--backend-config=auto-complete-config=false').repository.autoComplete).toBe(false);
    expect(problemsOf('--backend-config=,default-max-batch-size=2')).toEqual([
      "--backend-config expects [backend,]key=value but ',default-max-batch-size=2' was given",
    ]);
    expect(problemsOf('--backend-config= ,default-max-batch-size=2')).toEqual([
      "--backend-config expects [backend,]key=value but ' ,default-max-batch-size=2' was given",
    ]);
    expect(parse('--backend-config= onnxruntime ,intra_op_thread_count=3').engine.globalIntraOpThreads).toBe(3);
    expect(problemsOf('--backend-config=,=1')).toEqual([
      "--backend-config expects [backend,]key=value but ',=1' was given",
    ]);
    expect(parse('--strict-model-config=false').repository.autoComplete).toBe(true);
  });
});

describe('a command line that was not understood', () => {
  it('is not told that it lacks a repository too', () => {
    const problems = (...words: string[]) => {
      try {
        parseServeArguments(words, surroundings([]));
        return [];
      } catch (error) {
        return (error as UsageError).problems;
      }
    };
    expect(problems('models')).toEqual([expect.stringContaining("unexpected argument 'models'")]);
    expect(problems('--modle-repository=models')).toEqual([
      expect.stringContaining('did you mean --model-repository?'),
    ]);
    expect(problems('--http-port=1')).toEqual([expect.stringContaining('no model repository')]);
  });
});

describe('the addresses on the command line', () => {
  it.each([
    ['[::1]', '::1'],
    ['[::]', '::'],
    ['::', '::'],
    ['ipv6:[::1]', '::1'],
    ['IPv6:::1', '::1'],
    ['ipv4:127.0.0.1', '127.0.0.1'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['[fe80::1%25eth0]', 'fe80::1%eth0'],
    ['::ffff:127.0.0.1', '::ffff:127.0.0.1'],
    ['dns:localhost', 'localhost'],
    ['host-1.example.com.', 'host-1.example.com.'],
  ])('may be written as %s, for every frontend', (written, host) => {
    const flags = ['http', 'grpc', 'metrics'].map((frontend) => `--${frontend}-address=${written}`);
    const { http, grpc, metrics } = parse(...flags);
    expect([http.listen?.host, grpc.listen?.host, metrics.listen?.host]).toEqual([host, host, host]);
  });

  it.each([
    '[127.0.0.1]',
    '[localhost]',
    '[::1]:8000',
    '::1]',
    'localhost:8000',
    ':::',
    'a b',
    'http://localhost',
    '[]',
  ])('may not be %s', (written) => {
    expect(problemsOf(`--grpc-address=${written}`)).toEqual([
      `--grpc-address expects an address or a host name without a port but '${written}' was given`,
    ]);
  });

  it.each(['[::1%lo]', '::%nosuch', '[2001:db8::1%25eth0]'])(
    'may not have a zone that means nothing: %s',
    (written) => {
      expect(problemsOf(`--grpc-address=${written}`)).toEqual([
        `--grpc-address expects a zone only after a link-local address, such as fe80::1%eth0, but '${written}' was given`,
      ]);
    },
  );

  it('cannot be wrong where the frontend is off', () => {
    expect(problemsOf('--allow-grpc=false', '--grpc-address=', '--grpc-port=99999')).toEqual([]);
    const { metrics } = parse('--allow-http=false', '--http-address=no host');
    expect(metrics.listen?.host).toBe('0.0.0.0');
    expect(parse('--allow-http=false', '--http-address=[::1]').metrics.listen?.host).toBe('::1');
    expect(problemsOf('--allow-grpc=true', '--grpc-address=')).toHaveLength(1);
    expect(problemsOf('--http-address=a b')).toHaveLength(1);
  });

  it('may be switched off one by one', () => {
    expect(parse('--allow-http=false').http.listen).toBeNull();
    expect(parse('--allow-grpc=false').grpc.listen).toBeNull();
    expect(parse('--allow-metrics=false').metrics.listen).toBeNull();
    expect(problemsOf('--allow-http=false', '--allow-grpc=false')[0]).toContain('leave nothing to serve with');
  });

  it('may not be the same for two services', () => {
    expect(problemsOf('--grpc-port=8000')).toEqual([
      'http and grpc cannot both listen on 0.0.0.0:8000; give one another port',
    ]);
    expect(problemsOf('--grpc-port=8000', '--grpc-address=127.0.0.1')).toEqual([]);
    expect(problemsOf('--grpc-port=8000', '--allow-http=false')).toEqual([]);
    expect(problemsOf('--grpc-port=0', '--http-port=0', '--metrics-port=0')).toEqual([]);
  });

  it('of metrics is that of HTTP unless it is given', () => {
    expect(parse('--http-address=127.0.0.1').metrics.listen?.host).toBe('127.0.0.1');
    expect(parse('--http-address=127.0.0.1', '--metrics-address=::').metrics.listen?.host).toBe('::');
  });
});

describe('the other settings of the command line', () => {
  it('make forwarded header names a pattern that ignores case', () => {
    const pattern = parse('--http-header-forward-pattern=(?i)^x-(a|b)').http.headerForwardPattern;
    expect(pattern?.test('X-A')).toBe(true);
    expect(problemsOf('--grpc-header-forward-pattern=(')[0]).toContain('expects a regular expression');
  });

  it('set the log level by the lowest kind that is on', () => {
    const level = (...words: string[]) => parse(...words).log.level;
    expect(level('--log-verbose=1', '--log-info=false')).toBe('debug');
    expect(level('--log-info=false')).toBe('warn');
    expect(level('--log-info=false', '--log-warning=false')).toBe('error');
    expect(level('--log-info=false', '--log-warning=false', '--log-error=0')).toBe('silent');
  });

  it('choose the form of the log', () => {
    expect(parse('--log-format=ISO8601').log.format).toBe('text');
    expect(parse('--log-format=JSON', '--log-file=a.log').log).toEqual({
      level: 'info',
      format: 'json',
      file: '/srv/a.log',
    });
  });

  it('read the settings of the backend', () => {
    expect(
      parse(
        '--backend-config=default-max-batch-size=16',
        '--backend-config',
        'onnxruntime,enable-global-threadpool=1',
        '--backend-config=onnxruntime,intra_op_thread_count=3',
      ).engine,
    ).toMatchObject({ defaultMaxBatchSize: 16, globalThreadPool: true, globalIntraOpThreads: 3 });
    expect(parse('--backend-config=tensorflow,version=2').ignoredFlags[0]).toContain('the only backend is onnxruntime');
    expect(problemsOf('--backend-config=onnxruntime,intra_op_thread_cuont=3')).toEqual([
      "--backend-config has no setting 'intra_op_thread_cuont'; did you mean intra_op_thread_count?",
    ]);
    expect(problemsOf('--backend-config=onnxruntime,intra_op_thread_count=-1')[0]).toContain("but '-1' was given");
    expect(problemsOf('--backend-config=nonsense')[0]).toContain('expects [backend,]key=value');
    expect(problemsOf('--backend-config=__proto__=1')[0]).toContain("has no setting '__proto__'");
  });

  it('read the settings of the metrics', () => {
    expect(
      parse(
        '--metrics-config=summary_latencies=true',
        '--metrics-config=summary_quantiles="0.5:0.05,0.9"',
        '--metrics-config=counter_latencies=false',
        '--metrics-config=histogram_latencies=0',
        '--metrics-config=histogram_families=request, batch_size',
        '--metrics-config=histogram_buckets_us="1000,2500.5"',
      ).metrics,
    ).toMatchObject({
      summaryLatencies: true,
      summaryQuantiles: [0.5, 0.9],
      counterLatencies: false,
      histogramLatencies: false,
      histogramFamilies: ['request', 'batch_size'],
      histogramBucketsUs: [1000, 2500.5],
    });
    for (const value of ['', 'requests', 'request,', 'nv_inference_queue_duration_histogram_us', '__proto__']) {
      expect(problemsOf(`--metrics-config=histogram_families=${value}`)).toHaveLength(1);
    }
    for (const value of [
      '',
      '0',
      '-1',
      'x',
      '2,1',
      '1,1',
      '1,',
      'Infinity',
      Array(101)
        .fill(0)
        .map((_, i) => i + 1)
        .join(),
    ]) {
      expect(problemsOf(`--metrics-config=histogram_buckets_us=${value}`)).toHaveLength(1);
    }
    for (const value of ['1.5:0.1', 'x', '', '0.5:-1', '0.5:0.1:0.2']) {
      expect(problemsOf(`--metrics-config=summary_quantiles=${value}`)).toHaveLength(1);
    }
  });
});
