import { describe, expect, it } from 'vitest';
import { readJsonConfig, readTextConfig } from '../../src/model-config/schema/read-config.ts';
import { differenceBetween, type ModelContent, type ModelDifference } from '../../src/repository/difference.ts';

const content = (
  text: string,
  versions: Readonly<Record<number, string>> = { 1: 'a' },
  others = 'o',
  time = 't',
): ModelContent => ({
  message: readTextConfig('config.pbtxt', text),
  fingerprint: {
    config: time,
    versions: new Map(Object.entries(versions).map(([version, tree]) => [Number(version), tree])),
    others,
    whole: `${text}${time}${JSON.stringify(versions)}${others}`,
    newestMs: 0,
  },
});
const isNoDifference = (difference: ModelDifference): boolean =>
  !difference.reloadsAll && !difference.changesInstances && difference.changedVersions.length === 0;
const base = 'max_batch_size: 8 instance_group { count: 1 } version_policy { all { } }';
const difference = (now: ModelContent) => differenceBetween(content(base), now);

describe('a difference', () => {
  it('is nothing when the configuration was only touched or written differently', () => {
    expect(isNoDifference(difference(content(base, { 1: 'a' }, 'o', 'later')))).toBe(true);
    const reordered = 'version_policy: < all { } >  max_batch_size: 8, instance_group: [ { count: 1 } ]';
    expect(isNoDifference(difference(content(reordered)))).toBe(true);
  });

  it('is nothing between a file and the same configuration as JSON', () => {
    const message = readJsonConfig(
      'config',
      '{"maxBatchSize": "8", "instanceGroup": [{"count": 1}], "versionPolicy": {"all": {}}}',
    );
    expect(isNoDifference(difference({ ...content(base), message }))).toBe(true);
  });

  it('is only the instances when instance_group changed', () => {
    const found = difference(content(base.replace('count: 1', 'count: 2')));
    expect(found).toMatchObject({ reloadsAll: false, changesInstances: true });
    expect(difference(content('max_batch_size: 8 version_policy { all { } }'))).toMatchObject({
      reloadsAll: false,
      changesInstances: true,
    });
  });

  it('is nothing for loaded versions when version_policy changed', () => {
    expect(isNoDifference(difference(content(base.replace('all { }', 'latest { }'))))).toBe(true);
  });

  it('is everything when another field or a file beside the versions changed', () => {
    expect(difference(content(base.replace('8', '4'))).reloadsAll).toBe(true);
    expect(difference(content(`${base} dynamic_batching { }`)).reloadsAll).toBe(true);
    expect(difference(content(base, { 1: 'a' }, 'labels')).reloadsAll).toBe(true);
  });

  it('names versions that changed, in order, and not those that appeared or went', () => {
    const before = content(base, { 1: 'a', 2: 'b', 3: 'c', 12: 'd' });
    const found = differenceBetween(before, content(base, { 12: 'e', 2: 'x', 3: 'c', 10: 'd', 4: 'e' }));
    expect(found).toMatchObject({ reloadsAll: false, changedVersions: [2, 12] });
    expect(isNoDifference(found)).toBe(false);
  });
});
