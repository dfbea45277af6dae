import { describe, expect, it } from 'vitest';
import { scrapeAnswer } from '../../src/observability/metrics-frontend.ts';

const render = async () => 'größe 1\n';

describe('the metrics endpoint', () => {
  it('answers the exposition text at /metrics, whatever the query', async () => {
    for (const target of ['/metrics', '/metrics/', '/metrics?name[]=x']) {
      const { status, headers, body } = await scrapeAnswer('GET', target, render);
      expect(status).toBe(200);
      expect(headers).toEqual({ 'Content-Type': 'text/plain; charset=utf-8; version=0.0.4', 'Content-Length': '10' });
      expect(body).toBe('größe 1\n');
    }
  });

  it('answers 404 with the right path elsewhere, without collecting anything', async () => {
    const { status, body } = await scrapeAnswer('GET', '/', () => Promise.reject(new Error('collected')));
    expect(status).toBe(404);
    expect(body).toContain('/metrics');
  });

  it('answers 405 and the allowed methods to anything but GET and HEAD', async () => {
    const { status, headers } = await scrapeAnswer('POST', '/metrics', render);
    expect(status).toBe(405);
    expect(headers.Allow).toBe('GET, HEAD');
  });
});
