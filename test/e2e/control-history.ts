/**
 * The calls for one model with their times, and the contents that it may have served at any time. Calls go over
 * connections of their own, so two that overlap may have come in either order: the reference knows only which had ended
 * before another was sent.
 */

/** What an answer shows: the number that the model of the folder, or of the call, adds; null where nothing serves. */
export type Content = number | null;

/** A model file that nothing can be made of. */
export const damaged = -1;

/** Counts what the test sees, in the order in which it sees it. */
export class Ticks {
  #last = 0;

  next(): number {
    return ++this.#last;
  }
}

export interface ControlCall {
  readonly kind: 'load' | 'unload';
  readonly sentAt: number;
  /** Infinity until it is answered. */
  endedAt: number;
  status: number;
  text: string;
  /** What it brings: null to take what lies in the folder. */
  readonly brought: number | null;
}

interface FolderWrite {
  readonly content: number;
  readonly begunAt: number;
  readonly doneAt: number;
}

export interface SeenAnswer {
  readonly from: number;
  readonly to: number;
  readonly content: Content;
  /** How the answer came about, for the message of a failure. */
  readonly how: string;
}

export class ModelHistory {
  readonly name: string;
  readonly #ticks: Ticks;
  readonly #calls: ControlCall[] = [];
  readonly #writes: FolderWrite[] = [];
  readonly #answers: SeenAnswer[] = [];

  constructor(name: string, ticks: Ticks) {
    this.name = name;
    this.#ticks = ticks;
  }

  /** A call that is about to be sent. */
  call(kind: ControlCall['kind'], brought: number | null = null): ControlCall {
    const call = { kind, brought, sentAt: this.#ticks.next(), endedAt: Number.POSITIVE_INFINITY, status: 0, text: '' };
    this.#calls.push(call);
    return call;
  }

  end(call: ControlCall, status: number, text: string): void {
    call.endedAt = this.#ticks.next();
    call.status = status;
    call.text = text;
  }

  async write(content: number, act: () => Promise<void>): Promise<void> {
    const begunAt = this.#ticks.next();
    await act();
    this.#writes.push({ content, begunAt, doneAt: this.#ticks.next() });
  }

  saw(answer: SeenAnswer): void {
    this.#answers.push(answer);
  }

  get lastSeen(): Content {
    return this.#answers.at(-1)?.content ?? null;
  }

  /** What is wrong with what was seen; every call must have ended. */
  *faults(): Generator<string> {
    for (const call of this.#calls) {
      const fault = this.#faultOf(call);
      if (fault !== null) yield `${this.name}: ${fault} (${JSON.stringify(call)})`;
    }
    for (const { from, to, content, how } of this.#answers) {
      const may = this.#mayServe(from, to);
      if (!may.has(content)) {
        yield `${this.name}: ${how} shows ${content}, expected one of ${[...may]} between ${from} and ${to}: ${this.#told()}`;
      }
    }
  }

  #faultOf(call: ControlCall): string | null {
    const { kind, status } = call;
    if (call.endedAt === Number.POSITIVE_INFINITY) return 'was never answered';
    if (kind === 'unload') return status === 200 ? null : 'an unload was refused';
    const contents = this.#contentsOf(call);
    if (status === 200) return contents.some((content) => content !== damaged) ? null : 'loaded what is damaged';
    if (contents.includes(damaged)) return null;
    const isAlone = this.#calls.every(
      (other) => other === call || other.endedAt < call.sentAt || other.sentAt > call.endedAt,
    );
    return isAlone ? 'a load failed although nothing is wrong and nobody else asked' : null;
  }

  /** What a load may have found. */
  #contentsOf({ brought, sentAt, endedAt }: ControlCall): readonly number[] {
    if (brought !== null) return [brought];
    const before = this.#writes.findLast(({ doneAt }) => doneAt < sentAt);
    const meanwhile = this.#writes.filter(({ begunAt, doneAt }) => doneAt >= sentAt && begunAt <= endedAt);
    return [...(before ? [before] : []), ...meanwhile].map(({ content }) => content);
  }

  #mayServe(from: number, to: number): Set<Content> {
    const effective = this.#calls.filter(({ status }) => status === 200);
    const may = new Set<Content>();
    for (const call of effective) {
      const isOver = effective.some((other) => other.sentAt > call.endedAt && other.endedAt < from);
      if (call.sentAt > to || isOver) continue;
      if (call.kind === 'unload') may.add(null);
      else for (const content of this.#contentsOf(call)) if (content !== damaged) may.add(content);
    }
    if (effective.every(({ endedAt }) => endedAt >= from)) may.add(null);
    return may;
  }

  #told(): string {
    return this.#calls
      .map((call) => {
        const found = call.kind === 'load' ? ` ${this.#contentsOf(call).join('|')}` : '';
        return `${call.sentAt}-${call.endedAt} ${call.kind}${found} ${call.status}`;
      })
      .join(', ');
  }
}
