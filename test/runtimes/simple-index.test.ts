import { describe, expect, it } from 'vitest';
import { findLink } from '../../src/runtimes/simple-index.ts';

const file = 'nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl';
const sha256 = 'ab'.repeat(32);
const base = 'https://index.example/simple/nvidia-cublas/';
const json = 'application/vnd.pypi.simple.v1+json';

describe('a page in JSON', () => {
  const page = (entry: object): string => JSON.stringify({ meta: {}, files: [null, { filename: 'other.whl' }, entry] });

  it('gives the address and the hash of a file', () => {
    const text = page({ filename: file, url: `https://files.example/${file}`, hashes: { sha256 } });
    expect(findLink(text, json, base, file)).toEqual({ url: `https://files.example/${file}`, sha256 });
  });

  it('may have relative addresses and no hashes', () => {
    const text = page({ filename: file, url: `../../files/${file}` });
    expect(findLink(text, `${json}; charset=utf-8`, base, file)).toEqual({
      url: `https://index.example/files/${file}`,
      sha256: null,
    });
  });

  it('has no link where the file is missing, or its address is not of the web', () => {
    expect(findLink(page({ filename: 'x' }), json, base, file)).toBeNull();
    expect(findLink(page({ filename: file, url: 'file:///etc/passwd' }), json, base, file)).toBeNull();
    for (const text of ['null', '[]', '{"files":3}']) expect(findLink(text, json, base, file)).toBeNull();
  });

  it('is refused when it is cut short', () => {
    expect(() => findLink('{"files":[', json, base, file)).toThrow(SyntaxError);
  });
});

describe('a page in HTML', () => {
  const find = (text: string) => findLink(text, 'text/html', base, file);

  it('gives the address and the hash from the fragment', () => {
    const text = `<html><body><a href="x-1.whl">x</a><br/>\n<a data-requires-python="&gt;=3.8"\n HREF='/f/${file}#sha256=${sha256}'>${file}</a>`;
    expect(find(text)).toEqual({ url: `https://index.example/f/${file}`, sha256 });
  });

  it('may have a base, entities, encoded names and no quotes', () => {
    expect(find(`<base href="https://cdn.example/p/"><a href="${file}?a=1&amp;b=&#x32;">f</a>`)?.url).toBe(
      `https://cdn.example/p/${file}?a=1&b=2`,
    );
    expect(find(`<a href=${file.replaceAll('_', '%5F')}>f</a>`)?.url).toContain('nvidia%5Fcublas');
  });

  it('may have the signs of tags in quotes', () => {
    const text = `<a href="x.whl" data-requires-python='>=3.8,<4'>x</a><a data-requires-python=">=3.8" href="${file}">f</a>`;
    expect(find(text)?.url).toBe(`${base}${file}`);
  });

  it('has no link for a name that only begins alike, or a script', () => {
    expect(find(`<a href="${file}.metadata">${file}</a><a href="javascript:${file}">f</a>`)).toBeNull();
  });

  it('is read in time that grows with its size, whatever it holds', () => {
    const hostile = `${'<a '.repeat(200_000)}${' href="'.repeat(1000)}`;
    expect(find(hostile)).toBeNull();
  });
});
