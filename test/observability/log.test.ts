import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unavailable } from '../../src/errors.ts';
import { openLog } from '../../src/observability/log.ts';
import type { LogConfig } from '../../src/server/server-config.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nereid-log-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function logged(config: Partial<LogConfig>, write: (log: Awaited<ReturnType<typeof openLog>>) => void) {
  const file = join(folder, 'server.log');
  const log = await openLog({ level: 'debug', format: 'auto', file, ...config });
  write(log);
  log.close();
  return readFileSync(file, 'utf8');
}

describe('the log', () => {
  it('is one JSON object per line without a terminal', async () => {
    const text = await logged({}, ({ logger }) => {
      logger.info({ model: 'm', version: 2 }, 'ready');
      logger.warn({}, 'two\nlines');
    });
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0])).toMatchObject({ level: 'info', model: 'm', version: 2, msg: 'ready' });
    expect(JSON.parse(lines[0]).time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(JSON.parse(lines[1])).toMatchObject({ level: 'warn', msg: 'two\nlines' });
  });

  it('shows no key of a restricted API', async () => {
    const restrictions = [{ apis: ['trace'], header: 'key', value: 'hidden' }];
    const config = { http: { restrictions }, grpc: { restrictions } };
    const text = await logged({}, ({ logger }) => logger.info({ config }, 'starting'));
    expect(text).toContain('"header":"key"');
    expect(text).not.toContain('hidden');
  });

  it('leaves out lines below its level', async () => {
    const write = ({ logger }: Awaited<ReturnType<typeof openLog>>) => {
      logger.debug({}, 'd');
      logger.info({}, 'i');
      logger.warn({}, 'w');
      logger.error({}, 'e');
    };
    const lines = (text: string) => text.split('\n').filter((line) => line !== '').length;
    expect(lines(await logged({ level: 'warn' }, write))).toBe(2);
    rmSync(join(folder, 'server.log'));
    expect(await logged({ level: 'silent' }, write)).toBe('');
  });

  it('writes errors with code, message and cause', async () => {
    const error = unavailable('the model is gone', new Error('because'));
    const text = await logged({}, ({ logger }) => logger.error({ error }, 'failed'));
    expect(JSON.parse(text).error).toMatchObject({ type: 'InferenceError', code: 'unavailable' });
    expect(JSON.parse(text).error.message).toContain('the model is gone');
    expect(JSON.parse(text).error.stack).toContain('because');
  });

  it('masks secrets', async () => {
    const fields = { password: 'p1', headers: { authorization: 'p2', accept: 'text' }, options: { token: 'p3' } };
    const text = await logged({}, ({ logger }) => logger.info(fields, 'request'));
    expect(text).not.toMatch(/p[123]/);
    expect(JSON.parse(text).headers.accept).toBe('text');
  });

  it('writes 64-bit integers and circular fields', async () => {
    const circular: Record<string, unknown> = { id: 2n ** 60n };
    circular.self = circular;
    const text = await logged({}, ({ logger }) => logger.info({ circular }, 'odd'));
    expect(text).toContain(String(2n ** 60n));
  });

  it('does not let a message look like another line, nor move the cursor', async () => {
    const message = "model 'x\u001b[2J\n2026-01-01 ERROR: fake\r' is unknown";
    const text = await logged({ format: 'text' }, ({ logger }) => logger.info({ model: 'a\u001b' }, message));
    const lines = text.trimEnd().split('\n');
    expect(lines[0]).toContain("INFO: model 'x\\x1b[2J");
    expect(lines[1]).toMatch(/^ {4}2026-01-01 ERROR: fake\\x0d' is unknown/);
    expect(text).not.toContain('\u001b');
  });

  it('appends to a file that exists', async () => {
    await logged({}, ({ logger }) => logger.info({}, 'first'));
    const text = await logged({}, ({ logger }) => logger.info({}, 'second'));
    expect(text.trimEnd().split('\n')).toHaveLength(2);
  });

  it('says which file cannot be opened', async () => {
    const file = join(folder, 'missing', 'server.log');
    await expect(openLog({ level: 'info', format: 'auto', file })).rejects.toThrow(`'${file}' given by --log-file`);
  });

  it('forgets lines that come after it was closed', async () => {
    const text = await logged({}, (log) => {
      log.logger.info({}, 'in time');
      log.close();
      log.logger.info({}, 'too late');
    });
    expect(text).toContain('in time');
    expect(text).not.toContain('too late');
  });
});
