import { defineConfig } from 'vitest/config';

const apart = ['engine', 'conformance', 'e2e', 'gpu', 'soak', 'native'];

/** The searches take long; the inputs that they kept do not, and are tried with each change. */
const searches = 'test/fuzz/!(corpus).test.ts';

/** Tests beside others of their room that need the built addon all the same. */
const nativeTests = 'test/threads/**/native-*.test.ts';

/** How long `expect.poll` waits: the second that vitest gives is not enough on a loaded machine. */
const patience = { poll: { timeout: 30_000 } };

/** A room of tests that needs the built addon or server, each file in a process of its own. */
const room = (name: string, timeoutMs: number, also: readonly string[] = [], fileParallelism = true) => ({
  test: {
    name,
    fileParallelism,
    include: [`test/${name}/**/*.test.ts`, ...also],
    pool: 'forks' as const,
    expect: patience,
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
  },
});

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...apart.map((name) => `test/${name}/**`), searches, nativeTests],
          expect: patience,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'grpc-js',
          include: ['test/frontends/grpc/**/*.test.ts'],
          expect: patience,
          testTimeout: 60_000,
          env: { GRPC_TRANSPORT: 'grpc-js' },
        },
      },
      {
        test: {
          name: 'node-http',
          include: ['test/frontends/http/**/*.test.ts'],
          expect: patience,
          testTimeout: 60_000,
          env: { HTTP_TRANSPORT: 'node' },
        },
      },
      room('engine', 60_000, [nativeTests]),
      room('e2e', 120_000),
      // One after the other: they compare what is in use of the GPU.
      room('gpu', 300_000, [], false),
      room('fuzz', 300_000),
    ],
  },
});
