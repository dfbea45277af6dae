/** Writes docs/flags.md from the table of flags. `npx vitest run --project unit test/cli -u` brings the file up to date. */

import { type Flag, type FlagTable, flagGroups, valueText } from '../../src/cli/flag.ts';

const head = `# Flags of \`nereid serve\`

\`--name=value\` or \`--name value\`; a boolean is \`true\`, \`false\`, \`1\` or \`0\` in any case; a unique beginning of a name will
do; of a flag given twice the last one counts unless it is repeatable. Every mistake on a command line is reported at once,
with exit code 2. Flags without a command mean \`serve\`. The one environment variable is \`NEREID_MODEL_REPOSITORY\`, used when
\`--model-repository\` is not given. This page is written from the table that the parser uses (\`src/cli/serve-flags.ts\`,
\`src/cli/triton-flags.ts\`); a test compares the two.
`;

const ignoredHead = `## Accepted without effect

So that a command line written for Triton works. The log says once at start which of these were given, and why they do
nothing.
`;

const refusedHead = `## Refused

These ask for a feature that is not in this version. The server does not start with them and says why; the values in the
last column ask for nothing and are fine.
`;

const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (text: string): string => `\`${cell(text)}\``;

function usage(name: string, flag: Flag): string {
  const value = valueText(flag);
  const names = [name, ...(flag.aliases ?? [])].map((each) => code(`--${each}${value === null ? '' : `=${value}`}`));
  return names.join('<br>') + (flag.isRepeatable ? '<br>repeatable' : '');
}

const table = (titles: readonly string[], rows: readonly (readonly string[])[]): string =>
  [titles, titles.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

function honouredTables(flags: FlagTable): string {
  return flagGroups
    .map((group) => {
      const rows = Object.entries(flags)
        .filter(([, flag]) => flag.group === group && flag.effect.kind === 'honoured')
        .map(([name, flag]) => [
          usage(name, flag),
          flag.initial === null ? '–' : code(flag.initial),
          cell(flag.help).replaceAll('<', '&lt;'),
        ]);
      return rows.length === 0 ? '' : `### ${group}\n\n${table(['flag', 'default', 'meaning'], rows)}\n\n`;
    })
    .join('');
}

function reasonTable(flags: FlagTable, kind: 'ignored' | 'refused'): string {
  const rows = Object.entries(flags).flatMap(([name, { effect }]) => {
    if (effect.kind !== kind) return [];
    const off = (effect.off ?? []).map(code).join(', ') || '–';
    const reason = `${effect.reason[0].toUpperCase()}${effect.reason.slice(1)}.`;
    return [kind === 'ignored' ? [code(`--${name}`), reason] : [code(`--${name}`), reason, off]];
  });
  return table(kind === 'ignored' ? ['flag', 'reason'] : ['flag', 'reason', 'fine'], rows);
}

export const flagsDocument = (flags: FlagTable): string =>
  [
    head,
    '## Honoured\n',
    honouredTables(flags).trimEnd(),
    '',
    ignoredHead,
    reasonTable(flags, 'ignored'),
    '',
    refusedHead,
    reasonTable(flags, 'refused'),
    '',
  ].join('\n');
