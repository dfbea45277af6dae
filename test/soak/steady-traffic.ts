/** Small requests over both protocols at once, for a long time or a large number of them, with memory sampled all along. */

import type { LoadResult, Protocol } from '../../bench/load/load-plan.ts';
import { runLoad } from '../../bench/load/run-load.ts';
import { ModelFolder } from '../../bench/models/model-folder.ts';
import { tinyCases, tinyModel } from '../../bench/models/tiny-model.ts';
import { residentBytes } from '../../bench/process/linux-process.ts';
import { ServedProcess } from '../../bench/process/served-process.ts';
import { printTrend, type ResidentSample, residentTrend } from './resident-trend.ts';

const checkEvery = 64;
/** GPUs multiply FP32 as TF32. */
const tolerance = 5e-3;
const warmUpMs = 1000;
const sampleCount = 200;
/** Where the server puts it by itself: on a GPU if there is one. */
const soaked = { ...tinyModel, config: 'max_batch_size: 64\ndynamic_batching { }\n' };
const shapes: Record<Protocol, { connections: number; outstanding: number }> = {
  http: { connections: 8, outstanding: 1 },
  grpc: { connections: 4, outstanding: 4 },
};

function send(server: ServedProcess, protocol: Protocol, seconds: number, requests: number): Promise<LoadResult> {
  return runLoad({
    protocol,
    port: protocol === 'grpc' ? server.grpcPort : server.httpPort,
    ...shapes[protocol],
    cases: tinyCases,
    checkEvery,
    tolerance,
    warmUpMs,
    windowMs: seconds * 1000,
    maxRequests: requests,
    measuredPid: server.pid,
  });
}

async function traffic(server: ServedProcess, seconds: number, requests: number, samples: ResidentSample[]) {
  const startMs = performance.now();
  const timer = setInterval(
    () => samples.push({ at: (performance.now() - startMs) / 1000, bytes: residentBytes(server.pid) }),
    (seconds * 1000) / sampleCount,
  );
  try {
    const half = Math.ceil(requests / 2);
    return await Promise.all([send(server, 'http', seconds, half), send(server, 'grpc', seconds, half)]);
  } finally {
    clearInterval(timer);
  }
}

/**
 * V8 lets the young generation of each thread grow to 16 MiB under load, in steps, and takes it back: more than a leak in
 * some minutes of traffic. With a small one the resident memory is what the server holds.
 */
const smallYoungGeneration = ['--max-semi-space-size=1'];

/** Ends after `seconds` or `requests`, whichever comes first. True when memory stayed flat and no request failed. */
export async function soakTraffic(seconds: number, requests: number, serverFlags: readonly string[]): Promise<boolean> {
  const repository = new ModelFolder();
  repository.add(soaked);
  const samples: ResidentSample[] = [];
  let results: readonly LoadResult[];
  try {
    const server = await ServedProcess.nereid(repository.path, null, serverFlags, smallYoungGeneration);
    try {
      results = await traffic(server, seconds, requests, samples);
    } finally {
      await server.stop();
    }
  } finally {
    repository.remove();
  }
  const last = samples.at(-1)?.at ?? 0;
  const trend = residentTrend(samples, last / 2, Math.max(1, Math.floor(samples.length / 4)));
  console.log('\nsteady traffic, second quarter of the time against the last');
  printTrend('second', samples, trend);
  let isGood = trend.isFlat;
  (['http', 'grpc'] as const).forEach((protocol, i) => {
    const { succeeded, failed, checked, firstFailure, seconds: took, p50Us, p99Us } = results[i];
    const rate = Math.round(succeeded / took);
    const latency = `p50 ${Math.round(p50Us)} us, p99 ${Math.round(p99Us)} us`;
    console.log(`${protocol}: ${succeeded} answers (${checked} compared), ${rate}/s, ${latency}, ${failed} failed`);
    if (failed > 0) console.log(`FAIL: the first failure over ${protocol}: ${firstFailure}`);
    isGood &&= failed === 0 && succeeded > 0;
  });
  return isGood;
}
