/** The description of a flag. The flags themselves are in `serve-flags.ts` and `triton-flags.ts`. */

export const flagGroups = [
  'Models',
  'HTTP',
  'gRPC',
  'Metrics',
  'Logging',
  'Server',
  'Engine and memory',
  'Tracing',
  'Cache and rate limiter',
  'Cloud endpoints',
] as const;

type FlagGroup = (typeof flagGroups)[number];

/**
 * `switch` takes no value; `integer` and `number` are bounded by `min` and `max`; `choice` is one of `choices`, in any
 * case; `text` is anything.
 */
export type FlagType = 'switch' | 'boolean' | 'integer' | 'number' | 'choice' | 'text';

/**
 * The effect of the flag. `ignored`: accepted without effect, and logged at start. `refused`: the feature is not in
 * this version, so the server does not start; values in `off` do not ask for the feature and are accepted. Reasons
 * complete the sentence "--flag has no effect: …" or "--flag=value cannot be honoured: …".
 */
export type FlagEffect =
  | { readonly kind: 'honoured' }
  | { readonly kind: 'ignored'; readonly reason: string; readonly off?: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string; readonly off?: readonly string[] };

export interface Flag {
  readonly group: FlagGroup;
  readonly type: FlagType;
  /** The default, as on the command line; null when there is none. */
  readonly initial: string | null;
  /** One or two sentences without the default. */
  readonly help: string;
  readonly effect: FlagEffect;
  /** Other names of the same flag. */
  readonly aliases?: readonly string[];
  /** All occurrences count; of other flags only the last one does. */
  readonly isRepeatable?: boolean;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** The name of the value in the help. */
  readonly placeholder?: string;
}

export type FlagTable = Readonly<Record<string, Flag>>;

/** The values of a boolean, in any case, as Triton reads them. */
export const trueTexts: readonly string[] = ['true', 'on', '1'];
export const falseTexts: readonly string[] = ['false', 'off', '0'];

export const honoured: FlagEffect = { kind: 'honoured' };

/** The value as the help writes it after the equals sign; null for a switch. */
export function valueText(flag: Flag): string | null {
  if (flag.type === 'switch') return null;
  if (flag.placeholder !== undefined) return `<${flag.placeholder}>`;
  if (flag.type === 'choice') return (flag.choices ?? []).join('|');
  if (flag.type === 'boolean') return 'true|false';
  return flag.type === 'text' ? '<text>' : '<n>';
}
