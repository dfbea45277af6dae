/** Loads and unloads models of a server over its repository API. */

import { setTimeout as sleep } from 'node:timers/promises';

const unloadTimeoutMs = 30_000;

/** A server by its HTTP address, e.g. http://127.0.0.1:8000. */
export interface ControlledServer {
  readonly url: string;
}

/** POSTs to a path below /v2/. */
export async function post(
  server: ControlledServer,
  path: string,
  body: unknown = {},
): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${server.url}/v2/${path}`, { method: 'POST', body: JSON.stringify(body) });
  return { status: answer.status, text: await answer.text() };
}

/** The answer's text. Throws when its status is not 200. */
export async function postOk(server: ControlledServer, path: string, body: unknown = {}): Promise<string> {
  const { status, text } = await post(server, path, body);
  if (status !== 200) throw new Error(`${path}: expected status 200, got ${status}: ${text.slice(0, 500)}`);
  return text;
}

/** Resolves when the model is ready; throws with the server's reason when it does not load. */
export async function loadModel(server: ControlledServer, name: string): Promise<void> {
  await postOk(server, `repository/models/${name}/load`);
}

/** Resolves when the model is unloaded. */
export async function unloadModel(server: ControlledServer, name: string): Promise<void> {
  await postOk(server, `repository/models/${name}/unload`);
  const untilMs = performance.now() + unloadTimeoutMs;
  while (performance.now() < untilMs) {
    const index = JSON.parse(await postOk(server, 'repository/index')) as { name: string; reason?: string }[];
    const entries = index.filter((entry) => entry.name === name);
    if (entries.every(({ reason }) => reason === 'unloaded')) return;
    await sleep(10);
  }
  throw new Error(`${name}: not unloaded within ${unloadTimeoutMs} ms`);
}

/** Requests and batches of a model so far, by the server's own statistics. */
export async function batchCounts(server: ControlledServer, name: string): Promise<{ rows: number; batches: number }> {
  const answer = await fetch(`${server.url}/v2/models/${name}/stats`);
  const { model_stats } = (await answer.json()) as {
    model_stats: { inference_count: number; execution_count: number }[];
  };
  return { rows: model_stats[0]?.inference_count ?? 0, batches: model_stats[0]?.execution_count ?? 0 };
}
