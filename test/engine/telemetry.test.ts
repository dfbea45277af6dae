/**
 * ONNX Runtime's telemetry writes files as soon as its library is opened, unless it is switched off before. Uses the
 * built server.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const top = mkdtempSync(join(tmpdir(), 'nereid-telemetry-'));
afterAll(() => rmSync(top, { recursive: true }));

it('opening ONNX Runtime writes nothing into the home and temporary folders', () => {
  const places = ['home', 'temporary'].map((name) => join(top, name));
  for (const place of places) mkdirSync(place);
  const [HOME, TMPDIR] = places;
  const main = join(import.meta.dirname, '../../dist/main.js');
  const env = { ...process.env, HOME, TMPDIR, XDG_CACHE_HOME: undefined };
  const { status, stdout } = spawnSync(process.execPath, [main, 'doctor'], { env, encoding: 'utf8', timeout: 60_000 });
  expect(status).toBe(0);
  expect(stdout).toContain('ONNX Runtime');
  for (const place of places) expect(readdirSync(place)).toEqual([]);
});
