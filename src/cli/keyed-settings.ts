/** The two flags whose value is itself a setting: `--backend-config` and `--metrics-config`. */

import { type HistogramName, histogramFamilyNames } from '../model-config/rules/metric-families.ts';
import { nearestName } from '../model-config/suggestion.ts';
import { booleanOf } from './flag-values.ts';

/** The result of reading a list of settings; problems and notes are whole sentences. */
interface KeyedReading<T> {
  readonly settings: T;
  readonly problems: readonly string[];
  /** Settings that were accepted without effect. */
  readonly ignored: readonly string[];
}

export interface BackendSettings {
  readonly defaultMaxBatchSize: number;
  readonly autoComplete: boolean;
  readonly globalThreadPool: boolean;
  readonly globalIntraOpThreads: number;
  readonly globalInterOpThreads: number;
}

interface MetricsSettings {
  readonly counterLatencies: boolean;
  readonly histogramLatencies: boolean;
  readonly histogramFamilies: readonly HistogramName[];
  readonly histogramBucketsUs: readonly number[] | null;
  readonly summaryLatencies: boolean;
  readonly summaryQuantiles: readonly number[];
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** `key=value`, without quotes that the shell left in place; null when it is not of that form. */
function keyAndValue(text: string): readonly [key: string, value: string] | null {
  const equals = text.indexOf('=');
  if (equals <= 0) return null;
  return [
    text.slice(0, equals).trim(),
    text
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1'),
  ];
}

const wholeNumber = (value: string, max: number): number | null =>
  /^\d{1,10}$/.test(value) && Number(value) <= max ? Number(value) : null;

const maxThreads = 4096;
const maxBatchSize = 2 ** 31 - 1;

/** Each key with a function that stores a value, or returns the expectation for an invalid one. */
type Setters<T> = Readonly<Record<string, (settings: Mutable<T>, value: string) => string | null>>;

const booleanSetter =
  <T>(store: (settings: Mutable<T>, value: boolean) => void) =>
  (settings: Mutable<T>, value: string): string | null => {
    const flag = booleanOf(value);
    if (flag === null) return 'true or false';
    store(settings, flag);
    return null;
  };

const numberSetter =
  <T>(max: number, store: (settings: Mutable<T>, value: number) => void) =>
  (settings: Mutable<T>, value: string): string | null => {
    const number = wholeNumber(value, max);
    if (number === null) return `a whole number between 0 and ${max}`;
    store(settings, number);
    return null;
  };

const serverSetters: Setters<BackendSettings> = {
  'default-max-batch-size': numberSetter(maxBatchSize, (settings, value) => {
    settings.defaultMaxBatchSize = value;
  }),
  'auto-complete-config': booleanSetter((settings, value) => {
    settings.autoComplete = value;
  }),
};

const runtimeSetters: Setters<BackendSettings> = {
  'default-max-batch-size': numberSetter(maxBatchSize, (settings, value) => {
    settings.defaultMaxBatchSize = value;
  }),
  'enable-global-threadpool': booleanSetter((settings, value) => {
    settings.globalThreadPool = value;
  }),
  intra_op_thread_count: numberSetter(maxThreads, (settings, value) => {
    settings.globalIntraOpThreads = value;
  }),
  inter_op_thread_count: numberSetter(maxThreads, (settings, value) => {
    settings.globalInterOpThreads = value;
  }),
};

const metricsSetters: Setters<MetricsSettings> = {
  counter_latencies: booleanSetter((settings, value) => {
    settings.counterLatencies = value;
  }),
  histogram_latencies: booleanSetter((settings, value) => {
    settings.histogramLatencies = value;
  }),
  histogram_families: (settings, value) => {
    const names = value.split(',').map((name) => name.trim());
    const families = names.filter(isHistogramName);
    if (families.length < names.length) return `a list of ${Object.keys(histogramFamilyNames).join(', ')}`;
    settings.histogramFamilies = families;
    return null;
  },
  histogram_buckets_us: (settings, value) => {
    const bounds = value.split(',').map((bound) => (bound.trim() === '' ? Number.NaN : Number(bound)));
    const isRight = bounds.every((bound, i) => bound > (bounds[i - 1] ?? 0) && Number.isFinite(bound));
    if (!isRight || bounds.length > maxBuckets)
      return `at most ${maxBuckets} growing numbers of microseconds like 1000,5000`;
    settings.histogramBucketsUs = bounds;
    return null;
  },
  summary_latencies: booleanSetter((settings, value) => {
    settings.summaryLatencies = value;
  }),
  summary_quantiles: (settings, value) => {
    const quantiles = value.split(',').map(quantileOf);
    if (quantiles.includes(null)) return 'quantiles between 0 and 1 like 0.5:0.05,0.99:0.001';
    settings.summaryQuantiles = quantiles.filter((quantile) => quantile !== null);
    return null;
  },
};

const isHistogramName = (name: string): name is HistogramName => Object.hasOwn(histogramFamilyNames, name);

/** Each is a line of the metrics page for each family of each model. */
const maxBuckets = 100;

/** `quantile:error`; the error may be missing. */
function quantileOf(text: string): number | null {
  const parts = text.split(':').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const [quantile, error = 0] = parts;
  const isRight = parts.length <= 2 && quantile !== undefined && quantile >= 0 && quantile <= 1 && error >= 0;
  return isRight ? quantile : null;
}

/** Stores a setting; returns the problem, or null. */
function store<T>(flag: string, setters: Setters<T>, settings: Mutable<T>, key: string, value: string): string | null {
  const set = Object.hasOwn(setters, key) ? setters[key] : undefined;
  if (set === undefined) {
    const meant = nearestName(key, Object.keys(setters));
    const known = meant === null ? `known are ${Object.keys(setters).join(', ')}` : `did you mean ${meant}?`;
    return `${flag} has no setting '${key}'; ${known}`;
  }
  const expected = set(settings, value);
  return expected === null ? null : `${flag} expects ${key}=${expected} but '${value}' was given`;
}

/** `<key>=<value>` for all backends, or `<backend>,<key>=<value>`. */
export function readBackendSettings(values: readonly string[]): KeyedReading<BackendSettings> {
  const settings: Mutable<BackendSettings> = {
    defaultMaxBatchSize: 4,
    autoComplete: true,
    globalThreadPool: false,
    globalIntraOpThreads: 0,
    globalInterOpThreads: 0,
  };
  const problems: string[] = [];
  const ignored: string[] = [];
  for (const value of values) {
    const [, named, setting = value] = /^([^,=]*),(.*)$/.exec(value) ?? [];
    const backend = named?.trim() ?? '';
    const pair = keyAndValue(setting);
    if (pair === null || (named !== undefined && backend === '')) {
      problems.push(`--backend-config expects [backend,]key=value but '${value}' was given`);
    } else if (backend !== '' && backend !== 'onnxruntime') {
      ignored.push(`--backend-config=${value} has no effect: the only backend is onnxruntime`);
    } else if (pair[0] === 'backend-directory' || pair[0] === 'min-compute-capability') {
      ignored.push(`--backend-config=${value} has no effect: the engine is built in and finds its devices itself`);
    } else {
      const setters = backend === '' ? serverSetters : runtimeSetters;
      const problem = store('--backend-config', setters, settings, ...pair);
      if (problem !== null) problems.push(problem);
    }
  }
  return { settings, problems, ignored };
}

export function readMetricsSettings(values: readonly string[]): KeyedReading<MetricsSettings> {
  const settings: Mutable<MetricsSettings> = {
    counterLatencies: true,
    histogramLatencies: true,
    histogramFamilies: ['request', 'queue'],
    histogramBucketsUs: null,
    summaryLatencies: false,
    summaryQuantiles: [0.5, 0.9, 0.95, 0.99, 0.999],
  };
  const problems: string[] = [];
  for (const value of values) {
    const pair = keyAndValue(value);
    const problem =
      pair === null
        ? `--metrics-config expects key=value but '${value}' was given`
        : store('--metrics-config', metricsSetters, settings, ...pair);
    if (problem !== null) problems.push(problem);
  }
  return { settings, problems, ignored: [] };
}
