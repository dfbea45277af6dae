/** The URL table: which endpoint a method and a request target mean. Pure; handlers are elsewhere. */

import { type InferenceError, invalidArgument } from '../../errors.ts';
import type { RestrictableApi } from '../../server/server-config.ts';
import { pathOf } from '../request-target.ts';

/** `model` and `region` are percent-decoded; `version` is decimal text or ''. */
export type Route =
  | { readonly endpoint: 'serverMetadata' | 'live' | 'ready' | 'allStatistics' | 'logging' | 'globalTrace' }
  | { readonly endpoint: 'infer' | 'generate'; readonly model: string; readonly version: string }
  | { readonly endpoint: ReadEndpoint; readonly model: string; readonly version: string }
  | { readonly endpoint: 'repositoryIndex' }
  | { readonly endpoint: 'load' | 'unload'; readonly model: string; readonly hasRepository: boolean }
  | { readonly endpoint: SharedMemoryEndpoint; readonly kind: SharedMemoryKind; readonly region: string };

type ReadEndpoint = 'modelMetadata' | 'modelReady' | 'modelConfig' | 'modelStatistics' | 'modelTrace';

export type SharedMemoryKind = 'system' | 'cuda';
type SharedMemoryEndpoint = 'regionStatus' | 'registerRegion' | 'unregisterRegion';

const modelPrefix = '/v2/models/';
const versionsPrefix = 'versions/';
const digits = /^\d+$/;

/** The last part of a model's path, and its endpoint; '' is metadata. */
const modelEndpoints: ReadonlyMap<string, ReadEndpoint | 'infer' | 'generate'> = new Map([
  ['', 'modelMetadata'],
  ['infer', 'infer'],
  ['generate', 'generate'],
  ['generate_stream', 'generate'],
  ['ready', 'modelReady'],
  ['config', 'modelConfig'],
  ['stats', 'modelStatistics'],
  ['trace/setting', 'modelTrace'],
]);

const fixedPaths: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/v2', { endpoint: 'serverMetadata' }],
  ['/v2/health/live', { endpoint: 'live' }],
  ['/v2/health/ready', { endpoint: 'ready' }],
  ['/v2/models/stats', { endpoint: 'allStatistics' }],
  ['/v2/logging', { endpoint: 'logging' }],
  ['/v2/trace/setting', { endpoint: 'globalTrace' }],
]);

const repositoryPath = /^\/v2\/repository(?:\/([^/]+))?\/(?:index|models\/([^/]+)\/(load|unload))$/;
const sharedMemoryPath = /^\/v2\/(system|cuda)sharedmemory(?:\/region\/([^/]+))?\/(status|register|unregister)$/;

const sharedMemoryEndpoints: Readonly<Record<string, SharedMemoryEndpoint>> = {
  status: 'regionStatus',
  register: 'registerRegion',
  unregister: 'unregisterRegion',
};

/**
 * The endpoint of a request target; null when there is none (404). The query is ignored.
 *
 * @throws InferenceError `invalid_argument` for broken percent escapes in a name.
 */
export function routeOf(target: string): Route | null {
  const path = pathOf(target);
  const fixed = fixedPaths.get(path);
  if (fixed !== undefined) return fixed;
  if (path.startsWith(modelPrefix)) return modelRoute(path);
  return repositoryRoute(path) ?? sharedMemoryRoute(path);
}

function modelRoute(path: string): Route | null {
  const nameEnd = path.indexOf('/', modelPrefix.length);
  const name = nameEnd === -1 ? path.slice(modelPrefix.length) : path.slice(modelPrefix.length, nameEnd);
  if (name === '') return null;
  let rest = nameEnd === -1 ? '' : path.slice(nameEnd + 1);
  // A slash at the end is another path than the one without it.
  if (nameEnd !== -1 && rest === '') return null;
  let version = '';
  if (rest.startsWith(versionsPrefix)) {
    const versionEnd = rest.indexOf('/', versionsPrefix.length);
    version = rest.slice(versionsPrefix.length, versionEnd === -1 ? undefined : versionEnd);
    if (!digits.test(version)) return null;
    rest = versionEnd === -1 ? '' : rest.slice(versionEnd + 1);
    if (versionEnd !== -1 && rest === '') return null;
  }
  const endpoint = modelEndpoints.get(rest);
  if (endpoint === undefined || (endpoint === 'modelTrace' && version !== '')) return null;
  const model = decoded(name);
  return endpoint === 'infer' || endpoint === 'generate' ? { endpoint, model, version } : { endpoint, model, version };
}

function repositoryRoute(path: string): Route | null {
  const match = repositoryPath.exec(path);
  if (match === null) return null;
  const [, repository, model, action] = match;
  if (model === undefined) return { endpoint: 'repositoryIndex' };
  const endpoint = action === 'load' ? 'load' : 'unload';
  return { endpoint, model: decoded(model), hasRepository: repository !== undefined };
}

function sharedMemoryRoute(path: string): Route | null {
  const match = sharedMemoryPath.exec(path);
  if (match === null) return null;
  const [, kind, region = '', action = ''] = match;
  const endpoint = sharedMemoryEndpoints[action];
  if (endpoint === undefined) return null;
  return { endpoint, kind: kind === 'cuda' ? 'cuda' : 'system', region: decoded(region) };
}

function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw brokenEscape();
  }
}

const brokenEscape = (): InferenceError =>
  invalidArgument('a name in the request path has a percent escape that is malformed or not UTF-8');

/** Whether an endpoint is read, changed, or both. */
const readable: HttpMethods = { get: true, post: false };
const changeable: HttpMethods = { get: false, post: true };
const both: HttpMethods = { get: true, post: true };

interface HttpMethods {
  readonly get: boolean;
  readonly post: boolean;
}

/** The methods of each endpoint, and to which of the APIs that can be restricted it belongs. */
export const endpoints: Readonly<Record<Route['endpoint'], HttpMethods & { readonly api: RestrictableApi }>> = {
  live: { api: 'health', ...readable },
  ready: { api: 'health', ...readable },
  modelReady: { api: 'health', ...readable },
  serverMetadata: { api: 'metadata', ...readable },
  modelMetadata: { api: 'metadata', ...readable },
  infer: { api: 'inference', ...changeable },
  generate: { api: 'inference', ...changeable },
  modelConfig: { api: 'model-config', ...readable },
  modelStatistics: { api: 'statistics', ...readable },
  allStatistics: { api: 'statistics', ...readable },
  repositoryIndex: { api: 'model-repository', ...changeable },
  load: { api: 'model-repository', ...changeable },
  unload: { api: 'model-repository', ...changeable },
  regionStatus: { api: 'shared-memory', ...readable },
  registerRegion: { api: 'shared-memory', ...changeable },
  unregisterRegion: { api: 'shared-memory', ...changeable },
  logging: { api: 'logging', ...both },
  globalTrace: { api: 'trace', ...both },
  modelTrace: { api: 'trace', ...both },
};
