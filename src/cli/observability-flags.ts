/** The flags of `nereid serve` about metrics and the log. */

import { falseTexts, type FlagTable } from './flag.ts';
import { choice, milliseconds, port, text, wholeNumber, yesNo } from './flag-shapes.ts';

export const observabilityFlags = {
  'allow-metrics': { ...yesNo, group: 'Metrics', initial: 'true', help: 'Serve Prometheus metrics at /metrics.' },
  'allow-gpu-metrics': {
    type: 'boolean',
    group: 'Metrics',
    initial: 'true',
    help: 'Include the GPU, where there is one.',
    effect: { kind: 'ignored', reason: 'nothing reads the GPU in this version', off: falseTexts },
  },
  'allow-cpu-metrics': { ...yesNo, group: 'Metrics', initial: 'true', help: 'Include CPU and memory of the machine.' },
  'metrics-address': {
    ...text,
    group: 'Metrics',
    initial: null,
    placeholder: 'address',
    help: 'Address to listen on. Without it: the address of HTTP.',
  },
  'metrics-port': { ...port, group: 'Metrics', initial: '8002', help: 'Port to listen on; 0 takes a free one.' },
  'metrics-interval-ms': {
    ...milliseconds,
    group: 'Metrics',
    initial: '2000',
    min: 1,
    help: 'Readings of CPU and memory are reused until they are half as old as this.',
  },
  'metrics-config': {
    ...text,
    group: 'Metrics',
    initial: null,
    placeholder: 'key=value',
    isRepeatable: true,
    help: 'counter_latencies=true, histogram_latencies=true, histogram_families=request,queue (others: compute_input, compute_infer, compute_output, first_response, batch_size), histogram_buckets_us=100,250,500,…, summary_latencies=false, summary_quantiles=0.5:0.05,0.9:0.01,… (shown: the defaults; the number after a colon is accepted and not needed).',
  },
  'log-verbose': {
    ...wholeNumber,
    group: 'Logging',
    initial: '0',
    min: 0,
    max: 1_000,
    help: '1 or more: also say what is done for every step.',
  },
  'log-info': { ...yesNo, group: 'Logging', initial: 'true', help: 'Log what happens in normal operation.' },
  'log-warning': { ...yesNo, group: 'Logging', initial: 'true', help: 'Log warnings, when --log-info is off.' },
  'log-error': { ...yesNo, group: 'Logging', initial: 'true', help: 'Log errors, when --log-warning is off too.' },
  'log-format': {
    ...choice,
    group: 'Logging',
    initial: 'default',
    choices: ['default', 'ISO8601', 'json', 'text'],
    help: 'json: one object per line. text, ISO8601: readable lines. default: text in a terminal, json elsewhere.',
  },
  'log-requests': {
    ...choice,
    group: 'Logging',
    initial: 'none',
    choices: ['none', 'failed', 'all'],
    help: 'A line for each inference request when it has ended: caller, model, version, request id, outcome, milliseconds and bytes.',
  },
  'log-slow-requests-ms': {
    ...milliseconds,
    group: 'Logging',
    initial: '0',
    help: 'A warning for each inference request that takes longer than this, with its time in queue, input, model and output. 0: none.',
  },
  'log-file': {
    ...text,
    group: 'Logging',
    initial: null,
    placeholder: 'path',
    help: 'Append the log to this file in place of standard error.',
  },
} as const satisfies FlagTable;
