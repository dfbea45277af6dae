/**
 * The text format of Prometheus, version 0.0.4: the lines of a family's head and of its samples.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

/** `text/plain` in version 0.0.4 of the exposition format, whatever the scraper accepts. */
export const metricsContentType = 'text/plain; charset=utf-8; version=0.0.4';

type FamilyType = 'counter' | 'gauge' | 'histogram' | 'summary';

/** Name and value of a label. */
type Label = readonly [name: string, value: string];

/** One line of the exposition: the family's name with `suffix`, the series' labels and `label`, and the value. */
export interface Sample {
  readonly suffix: string;
  /** Null for a sample that has the labels of its series only. */
  readonly label: Label | null;
  readonly value: number;
}

export interface FamilyHead {
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
}

/** One sample without a label of its own. */
export const single = (value: number): readonly Sample[] => [{ suffix: '', label: null, value }];

/**
 * The samples of one series of a histogram.
 *
 * @param counts for each bound, not cumulated, and one more for values above every bound.
 */
export function bucketSamples(bounds: ArrayLike<number>, counts: Float64Array, sum: number): readonly Sample[] {
  const samples: Sample[] = [];
  let cumulated = 0;
  for (const [index, count] of counts.entries()) {
    cumulated += count;
    const bound = bounds[index];
    samples.push({ suffix: '_bucket', label: ['le', bound === undefined ? '+Inf' : String(bound)], value: cumulated });
  }
  samples.push({ suffix: '_sum', label: null, value: sum });
  samples.push({ suffix: '_count', label: null, value: cumulated });
  return samples;
}

/** Labels that number the samples of a histogram or summary; they are written last. */
const isNumbering = (name: string): boolean => name === 'le' || name === 'quantile';

const escaped = (text: string): string => text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');

const labelText = ([name, value]: Label): string => `${name}="${escaped(value).replace(/"/g, '\\"')}"`;

/** The labels of a series as text, made once; a sample's own label is put between them. */
export class SeriesLabels {
  readonly #text: string;
  /** Names in order, and where each begins in the text. */
  readonly #names: readonly string[];
  readonly #starts: readonly number[];

  /** @param labels their names are different. */
  constructor(labels: readonly Label[]) {
    // By UTF-16 code units, as Triton's order is by bytes: names are ASCII.
    const sorted = [...labels].sort(([a], [b]) => (a < b ? -1 : 1));
    const texts = sorted.map(labelText);
    this.#text = texts.join(',');
    this.#names = sorted.map(([name]) => name);
    let at = 0;
    this.#starts = texts.map((text) => {
      const start = at;
      at += text.length + 1;
      return start;
    });
  }

  /** Equal for series whose labels are equal. */
  get text(): string {
    return this.#text;
  }

  /** In braces, or '' without any label. In Triton's order: by name, but a bucket's or quantile's is the last one. */
  with(label: Label | null): string {
    if (label === null) return this.#text === '' ? '' : `{${this.#text}}`;
    const own = labelText(label);
    if (this.#text === '') return `{${own}}`;
    const next = isNumbering(label[0]) ? -1 : this.#names.findIndex((name) => name > label[0]);
    if (next < 0) return `{${this.#text},${own}}`;
    const at = this.#starts[next] as number;
    return `{${this.#text.slice(0, at)}${own},${this.#text.slice(at)}}`;
  }
}

/** A sample's value, with Triton's spelling of what is no number. */
function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'Nan';
  return value > 0 ? '+Inf' : '-Inf';
}

export const headText = ({ name, type, help }: FamilyHead): string =>
  `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`;

export function sampleText(name: string, labels: SeriesLabels, { suffix, label, value }: Sample): string {
  return `${name}${suffix}${labels.with(label)} ${valueText(value)}\n`;
}
