/** Which execution provider runs which nodes of a model, as a table and as JSON. */

import { type Device, deviceText, type GraphAssignment } from '../engine/engine.ts';
import { columns, wrap } from './table.ts';

interface ProviderNodes {
  readonly provider: string;
  readonly nodes: number;
  /** Nodes by operator, the most frequent first. */
  readonly operators: Readonly<Record<string, number>>;
}

/** One entry for each provider that runs nodes, that with the most nodes first. */
export function nodesByProvider({ parts }: GraphAssignment): readonly ProviderNodes[] {
  const counts = new Map<string, Map<string, number>>();
  for (const { provider, operators } of parts) {
    const own = counts.get(provider) ?? new Map<string, number>();
    counts.set(provider, own);
    for (const operator of operators) own.set(operator, (own.get(operator) ?? 0) + 1);
  }
  return [...counts]
    .map(([provider, own]) => ({
      provider,
      nodes: [...own.values()].reduce((sum, count) => sum + count, 0),
      operators: Object.fromEntries([...own].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))),
    }))
    .sort((a, b) => b.nodes - a.nodes);
}

export function assignmentText(device: Device, assignment: GraphAssignment): string {
  const rows = nodesByProvider(assignment).flatMap(({ provider, nodes, operators }) => {
    const list = Object.entries(operators).map(([operator, count]) => `${operator} ${count}`);
    return wrap(list.join(', '), 72).map((line, i) => (i === 0 ? [provider, String(nodes), line] : ['', '', line]));
  });
  const { copies } = assignment;
  const shown =
    rows.length === 0 ? '  no nodes are left to run' : columns([['provider', 'nodes', 'operators'], ...rows], '  ');
  const copied = `  ${copies} ${copies === 1 ? 'copy' : 'copies'} between devices in each run`;
  return `Nodes on ${deviceText(device)}\n${shown}\n${device.kind === 'cpu' ? '' : `${copied}\n`}`;
}
