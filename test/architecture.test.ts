/**
 * The rules of the architecture that a machine can check: allowed imports, where foreign packages may be used, names
 * and lengths of files. The table of floors is the part of the documentation that cannot become outdated.
 */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { files, filesBelow, imports, ownImports, reachableFrom, root, type SourceFile } from './import-graph.ts';

/** A room is a folder below src; the files directly in src are rooms of their own. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  'shown-text.ts': [],
  'time.ts': [],
  'reused-list.ts': [],
  'logger.ts': [],
  'semaphore.ts': [],
  'file-threads.ts': ['semaphore.ts'],
  sockets: ['time.ts', 'reused-list.ts'],
  'event-loop': ['ground'],
  http1: ['time.ts', 'sockets'],
  http2: ['sockets'],
  tensor: ['ground'],
  inference: ['ground', 'tensor'],
  'model-config': ['ground', 'tensor', 'inference'],
  // Of model-config, an engine may know the signature only.
  engine: ['ground', 'tensor', 'inference', 'model-config/signature.ts'],
  runtimes: ['ground', 'engine'],
  scheduling: ['ground', 'tensor', 'inference', 'model-config', 'engine'],
  repository: ['ground', 'tensor', 'inference', 'model-config', 'engine'],
  lifecycle: ['ground', 'tensor', 'inference', 'model-config', 'engine', 'scheduling', 'repository'],
  server: ['ground', 'tensor', 'inference', 'model-config', 'engine', 'scheduling', 'repository', 'lifecycle'],
  interceptors: ['ground', 'tensor', 'inference', 'model-config', 'scheduling', 'server'],
  frontends: [
    'ground',
    'event-loop',
    'sockets',
    'http1',
    'http2',
    'tensor',
    'inference',
    'model-config',
    'server',
    'lifecycle',
  ],
  observability: [
    'ground',
    'event-loop',
    'tensor',
    'inference',
    'model-config',
    'scheduling',
    'lifecycle',
    'server',
    'frontends',
  ],
  threads: [
    'ground',
    'event-loop',
    'sockets',
    'tensor',
    'inference',
    'model-config',
    'engine',
    'scheduling',
    'lifecycle',
    'server',
    'interceptors',
    'frontends',
  ],
  cli: ['anything'],
  'create-server.ts': ['anything'],
  'running-server.ts': ['ground', 'lifecycle', 'server', 'frontends'],
  'main.ts': ['anything'],
  'index.ts': ['anything'],
  'http2-server.ts': ['time.ts', 'http2'],
  'triton-config.ts': ['tensor', 'model-config'],
};

const ground = [
  'errors.ts',
  'shown-text.ts',
  'time.ts',
  'reused-list.ts',
  'logger.ts',
  'semaphore.ts',
  'file-threads.ts',
];

/**
 * A sub-room is a folder in a room. It may import from the folders around it, which may import from it; from its siblings,
 * and from sub-rooms of other folders of its room, only as listed here.
 */
const mayImportSibling: Readonly<Record<string, readonly string[]>> = {
  'model-config/schema': ['model-config/syntax'],
  'model-config/effective': ['model-config/schema'],
  'model-config/rules': ['model-config/schema'],
  'scheduling/queue': ['scheduling/admission', 'scheduling/policies'],
  'scheduling/running': ['scheduling/admission', 'scheduling/policies', 'scheduling/queue'],
  'frontends/http/control': ['frontends/http/json', 'frontends/http/transport', 'frontends/v2'],
  'frontends/http/infer': ['frontends/http/json', 'frontends/http/transport', 'frontends/v2'],
  'frontends/grpc/control': ['frontends/grpc/transport', 'frontends/grpc/wire', 'frontends/v2'],
  'frontends/grpc/infer': ['frontends/grpc/transport', 'frontends/grpc/wire', 'frontends/v2'],
  'threads/records': ['threads/pages'],
  'threads/link': ['threads/pages', 'threads/records'],
  'threads/pool': ['threads/link', 'threads/pages'],
};

/** Frontends share the files directly in `frontends/` and in `frontends/v2`, and know nothing of each other. */
const frontendRooms = ['frontends/grpc/', 'frontends/http/'];

/** What `exports` of package.json offers of single rooms, and all that comes along. */
const doors: readonly { readonly path: string; readonly mayReach: readonly string[] }[] = [
  { path: 'http2-server.ts', mayReach: ['http2', 'sockets', 'time.ts', 'reused-list.ts'] },
  { path: 'triton-config.ts', mayReach: ['model-config', 'tensor', 'errors.ts', 'shown-text.ts', 'protobufjs'] },
];

/** Packages and the only files or folders that may import them. */
const foreigners: readonly { readonly name: RegExp; readonly allowed: readonly string[] }[] = [
  { name: /^@grpc\//, allowed: ['frontends/grpc/'] },
  { name: /^pino(-pretty)?$/, allowed: ['observability/log.ts'] },
  { name: /^protobufjs/, allowed: ['model-config/schema/schema.ts', 'frontends/grpc/'] },
  { name: /^yauzl$/, allowed: ['runtimes/unpack-wheel.ts'] },
  { name: /^onnxruntime-node/, allowed: ['engine/'] },
];

const addonLoader = 'engine/load-native.ts';
const clockFile = 'time.ts';

const forbiddenWords = /(^|[-_.])(utils?|helpers?|common|misc|core|base|managers?|payloads?|data|info)(?=[-_.]|$)/;

/** Node-API's own name for what an addon keeps per environment. */
const namedElsewhere = ['native/binding/addon_data.h', 'native/binding/addon_data.cc'];

const longestFile = 350;

const roomOf = (path: string): string => path.split('/')[0];

function isAllowed(from: string, to: string): boolean {
  const room = roomOf(from);
  if (roomOf(to) === room) return true;
  const allowed = mayImport[room] ?? [];
  if (allowed.includes('anything')) return true;
  return allowed.some((one) => one === to || one === roomOf(to) || (one === 'ground' && ground.includes(to)));
}

describe('the floors', () => {
  it('name every room there is', () => {
    const rooms = new Set(files.map((file) => roomOf(file.path)));
    expect([...rooms].filter((room) => mayImport[room] === undefined)).toEqual([]);
  });

  it('are imported downward only', () => {
    const wrong = ownImports.filter(({ from, to }) => !isAllowed(from, to)).map(({ from, to }) => `${from} → ${to}`);
    expect(wrong).toEqual([]);
  });

  it('keep the frontends apart', () => {
    const wrong = ownImports.filter(({ from, to }) =>
      frontendRooms.some((room) => to.startsWith(room) && from.startsWith('frontends/') && !from.startsWith(room)),
    );
    expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  it('have sub-rooms that import each other only as listed', () => {
    const used = new Set<string>();
    const wrong = ownImports.filter(({ from, to }) => {
      const [here, there] = [dirname(from), dirname(to)];
      if (roomOf(from) !== roomOf(to) || isWithin(here, there) || isWithin(there, here)) return false;
      used.add(`${here} → ${there}`);
      return !mayImportSibling[here]?.includes(there);
    });
    expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
    const listed = Object.entries(mayImportSibling).flatMap(([from, all]) => all.map((to) => `${from} → ${to}`));
    expect(listed.filter((edge) => !used.has(edge))).toEqual([]);
    expect(circlesOf(new Map(Object.entries(mayImportSibling)))).toEqual([]);
  });

  it('have no circles of files, not even of types', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to } of ownImports) edges.set(from, [...(edges.get(from) ?? []), to]);
    expect(circlesOf(edges)).toEqual([]);
  });

  it.each(doors)('let nothing above its floor out by the door $path', ({ path, mayReach }) => {
    const reached = [...reachableFrom(path)].filter((one) => one !== path && !one.startsWith('node:'));
    expect(reached.length).toBeGreaterThan(1);
    expect(reached.filter((one) => !mayReach.includes(roomOf(one)))).toEqual([]);
  });

  it('have a door of one file for each room that package.json exports', () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
    const rooms = Object.entries(exports).filter(([name]) => name !== '.');
    const expected = doors.map(({ path }) => path.replace(/\.ts$/, ''));
    expect(rooms.map(([, { types }]) => types)).toEqual(expected.map((name) => `./dist/${name}.d.ts`));
    expect(rooms.map(([, entry]) => entry.default)).toEqual(expected.map((name) => `./dist/${name}.js`));
  });

  it('import files that exist, with their extension', () => {
    const paths = new Set(files.map((file) => file.path));
    expect(ownImports.filter(({ to }) => !paths.has(to)).map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });
});

describe('foreign packages', () => {
  const packages = imports.filter((one) => !one.isOurs && !one.to.startsWith('node:'));

  it.each(foreigners)('$name enter only where they may', ({ name, allowed }) => {
    const wrong = packages.filter(({ from, to }) => name.test(to) && !allowed.some((place) => from.startsWith(place)));
    expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  it('are all on the list', () => {
    const unknown = packages.filter(({ to }) => !foreigners.some(({ name }) => name.test(to)));
    expect(unknown.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  it('include the addon in one file only', () => {
    const loads = /\.node['"`]|process\.dlopen|createRequire/;
    const wrong = files.filter((file) => file.path !== addonLoader && loads.test(withoutComments(file.text)));
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  it('do not bring their own time: timers and clocks are the clock’s', () => {
    const timeRooms = ['scheduling/', 'lifecycle/', 'inference/', 'repository/'];
    const reads = /\b(setTimeout|setInterval|setImmediate|performance\.now|Date\.now)\b/;
    const wrong = files.filter(
      (file) =>
        file.path !== clockFile &&
        timeRooms.some((room) => file.path.startsWith(room)) &&
        reads.test(withoutComments(file.text)),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });
});

describe('files', () => {
  const native = join(root, 'native');
  const all = [
    ...files.map((file) => ({ ...file, path: `src/${file.path}` })),
    ...filesBelow(join(root, 'test'), '.ts').map((file) => ({ ...file, path: `test/${file.path}` })),
    ...nativeFiles(native),
  ];

  it('are named for their contents', () => {
    const wrong = all.filter(
      ({ path }) => !namedElsewhere.includes(path) && path.split('/').some((part) => forbiddenWords.test(part)),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  it('are in kebab-case (TypeScript) or snake_case (C++)', () => {
    const wrong = all.filter(({ path }) => {
      const name = path.split('/').at(-1) ?? '';
      return path.endsWith('.ts')
        ? !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(name)
        : !/^[a-z0-9_]+\.(h|cc)$/.test(name);
    });
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  it(`in src and native have at most ${longestFile} lines`, () => {
    const long = all.filter((file) => !file.path.startsWith('test/') && file.lineCount > longestFile);
    expect(long.map((file) => `${file.path}: ${file.lineCount}`)).toEqual([]);
  });

  it('open with a paragraph on their contents', () => {
    const wrong = all.filter((file) => file.path.startsWith('src/') && !/^(#!.*\n)?(\/\*\*|\/\/)/.test(file.text));
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  it('export by name, keep to the erasable syntax and leave nothing for later', () => {
    const forbidden: readonly (readonly [string, RegExp])[] = [
      ['default export', /^export default /m],
      ['barrel', /^export \* from /m],
      ['enum', /^\s*(export )?(const )?enum /m],
      ['namespace', /^\s*(export )?namespace /m],
      ['any', /[:<(,]\s*any\b\s*[;,)>=[\]]|\bas any\b/],
      ['ignored check', /@ts-(ignore|expect-error|nocheck)/],
      ['left for later', /\b(TODO|FIXME|XXX)\b/],
    ];
    const wrong = files.flatMap((file) =>
      forbidden.filter(([, pattern]) => pattern.test(file.text)).map(([what]) => `${file.path}: ${what}`),
    );
    expect(wrong).toEqual([]);
  });

  it('of tests leave none out', () => {
    const wrong = all.filter(
      (file) => file.path.endsWith('.test.ts') && /\b(it|test|describe)\.(only|todo|skip)\(/.test(file.text),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });
});

const isWithin = (folder: string, outer: string): boolean => folder === outer || folder.startsWith(`${outer}/`);

/** The largest sets in which each node is reached from each other (Tarjan), of two nodes at least; sorted. */
function circlesOf(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const circles: string[][] = [];
  const numbers = new Map<string, number>();
  const open: string[] = [];
  /** The lowest number of an open node that is reached from this one. */
  const visit = (node: string): number => {
    const number = numbers.size;
    numbers.set(node, number);
    open.push(node);
    let lowest = number;
    for (const next of edges.get(node) ?? []) {
      if (!numbers.has(next)) lowest = Math.min(lowest, visit(next));
      else if (open.includes(next)) lowest = Math.min(lowest, numbers.get(next) ?? number);
    }
    if (lowest === number) {
      const circle = open.splice(open.indexOf(node));
      if (circle.length > 1) circles.push(circle.sort());
    }
    return lowest;
  };
  for (const node of edges.keys()) if (!numbers.has(node)) visit(node);
  return circles.sort();
}

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

function nativeFiles(folder: string): SourceFile[] {
  return ['.h', '.cc']
    .flatMap((extension) => filesBelow(folder, extension))
    .map((file) => ({ ...file, path: `native/${file.path}` }));
}
