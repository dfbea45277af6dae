/** Parses the text exposition format strictly, so that every text it accepts is accepted by scrapers. */

const labelPattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/y;
const linePattern = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;

export interface Exposition {
  /** By `name{label="value",…}` with labels sorted. */
  readonly samples: ReadonlyMap<string, number>;
  /** Type by family. */
  readonly types: ReadonlyMap<string, string>;
}

function sortedLabels(text: string): string {
  const labels: string[] = [];
  labelPattern.lastIndex = 0;
  for (let at = 0; at < text.length; ) {
    labelPattern.lastIndex = at;
    const match = labelPattern.exec(text);
    if (match === null) throw new Error(`not labels: ${text}`);
    labels.push(match[0]);
    at = labelPattern.lastIndex + (text[labelPattern.lastIndex] === ',' ? 1 : 0);
  }
  const names = labels.map((label) => label.slice(0, label.indexOf('=')));
  if (new Set(names).size < names.length) throw new Error(`a label twice: ${text}`);
  return labels.sort().join(',');
}

export function readExposition(text: string): Exposition {
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue;
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type !== null) {
      types.set(type[1] as string, type[2] as string);
      continue;
    }
    const match = linePattern.exec(line);
    if (match === null) throw new Error(`not a sample: ${line}`);
    const key = `${match[1]}{${sortedLabels(match[2] ?? '')}}`;
    if (samples.has(key)) throw new Error(`a series twice: ${key}`);
    samples.set(key, match[3] === '+Inf' ? Number.POSITIVE_INFINITY : Number(match[3]));
  }
  return { samples, types };
}
