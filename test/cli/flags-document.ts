/** Writes docs/flags.md from the table of flags. `npx vitest run --project unit test/cli -u` brings the file up to date. */

import { type Flag, type FlagTable, flagGroups, valueText } from '../../src/cli/flag.ts';

const head = `# Flags of \`nereid serve\`

Write \`--name=value\` or \`--name value\`. A boolean is \`true\`, \`false\`, \`1\` or \`0\`, in upper or lower case. A name may be abbreviated
as long as no other flag begins like that. If a flag is given twice, the last value holds, except for flags marked as repeatable. All mistakes
of a command line are reported together, with exit code 2. Flags without a command mean \`serve\`. The only environment variable is
\`NEREID_MODEL_REPOSITORY\`, used if \`--model-repository\` is not given. A test generates this page from the table that the parser
uses (\`src/cli/serve-flags.ts\`, \`src/cli/triton-flags.ts\`).
`;

const ignoredHead = `## Accepted without effect

The server accepts these flags so that a command line written for Triton works. At start the log names each one that was given, with the
reason why it has no effect.
`;

const refusedHead = `## Refused

These flags ask for a feature that this version does not have. The server refuses to start with them and names the reason. The values in the
last column do not ask for the feature and are accepted.
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
