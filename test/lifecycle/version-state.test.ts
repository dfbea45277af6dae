import { describe, expect, it } from 'vitest';

import {
  type LifecycleObserver,
  VersionLifecycle,
  type VersionState,
  versionStates,
} from '../../src/lifecycle/version-state.ts';

const states = Object.keys(versionStates) as VersionState[];

/** Shortest ways from `found` to every state. */
const wayTo: Record<VersionState, VersionState[]> = {
  found: [],
  loading: ['loading'],
  warming: ['loading', 'warming'],
  ready: ['loading', 'warming', 'ready'],
  draining: ['loading', 'warming', 'ready', 'draining'],
  unloading: ['loading', 'warming', 'ready', 'draining', 'unloading'],
  failed: ['loading', 'failed'],
  gone: ['gone'],
};

const ignoring: LifecycleObserver = { versionMoved: () => undefined };

function lifeIn(state: VersionState): VersionLifecycle {
  const lifecycle = new VersionLifecycle('m', 1, ignoring);
  for (const step of wayTo[state]) lifecycle.move(step);
  return lifecycle;
}

describe('version states', () => {
  const pairs = states.flatMap((from) => states.map((to) => ({ from, to })));
  const isLegal = ({ from, to }: { from: VersionState; to: VersionState }): boolean =>
    versionStates[from].movesTo.includes(to);

  it.each(pairs.filter(isLegal))('lets a version move from $from to $to', ({ from, to }) => {
    const lifecycle = lifeIn(from);
    lifecycle.move(to);
    expect(lifecycle.state).toBe(to);
  });

  it.each(pairs.filter((pair) => !isLegal(pair)))('refuses the move from $from to $to', ({ from, to }) => {
    const lifecycle = lifeIn(from);
    expect(() => lifecycle.move(to)).toThrow(`version 1 of model 'm' cannot move from ${from} to ${to}`);
    expect(lifecycle.state).toBe(from);
  });

  it('announces every move once, with its reason', () => {
    const moves: unknown[] = [];
    const lifecycle = new VersionLifecycle('m', 7, { versionMoved: (...fact) => moves.push(fact) });
    lifecycle.move('loading');
    lifecycle.move('failed', 'no such operator');
    expect(moves).toEqual([
      ['m', 7, 'found', 'loading', ''],
      ['m', 7, 'loading', 'failed', 'no such operator'],
    ]);
    expect(lifecycle.reason).toBe('no such operator');
  });

  it('ends in the state gone on every path', () => {
    for (const state of states) {
      const reachable = new Set<VersionState>([state]);
      for (const known of reachable) for (const next of versionStates[known].movesTo) reachable.add(next);
      expect(reachable).toContain('gone');
    }
  });
});
