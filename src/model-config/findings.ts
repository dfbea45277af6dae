/**
 * The problems that the checks of one configuration found. All are reported together, so that a file can be repaired in
 * one go.
 */

import { invalidArgument, unimplemented } from '../errors.ts';
import { placeOf } from './schema/message.ts';
import { type Problem, problemText } from './syntax/source-position.ts';

/** The most problems of one kind in an error. */
const maxShown = 100;

/** The fields of a message, and the keys of a map. */
type FieldOf<Subject> = keyof Subject & string;

/**
 * Each method takes a sentence and its subject: a message and, unless the whole message is at fault, one of its fields.
 * An unwritten field has the position of its message.
 */
export class Findings {
  /** Contradictions and values out of range. */
  readonly invalid: Problem[] = [];
  /** Correct settings that ask for a feature that this server does not have. */
  readonly leftOut: Problem[] = [];
  /** Accepted without effect, `field: reason`. */
  readonly ignored: Problem[] = [];

  get isServable(): boolean {
    return this.invalid.length === 0 && this.leftOut.length === 0;
  }

  /** Whether enough was found, so that slow checks can be left out. */
  get isEnough(): boolean {
    return this.invalid.length >= maxShown;
  }

  refuse<Subject extends object>(text: string, subject: Subject, field: FieldOf<Subject> | null = null): void {
    this.invalid.push({ text, place: placeOf(subject, field) });
  }

  leaveOut<Subject extends object>(text: string, subject: Subject, field: FieldOf<Subject> | null = null): void {
    this.leftOut.push({ text, place: placeOf(subject, field) });
  }

  ignore<Subject extends object>(text: string, subject: Subject, field: FieldOf<Subject> | null = null): void {
    this.ignored.push({ text, place: placeOf(subject, field) });
  }

  /**
   * @throws InferenceError invalid_argument with everything found, or unimplemented when only left-out features were
   */
  throwIfAny(): void {
    const all = shownProblems([...this.invalid, ...this.leftOut]).map(problemText);
    if (this.invalid.length > 0) throw invalidArgument(all.join('; '));
    if (this.leftOut.length > 0) throw unimplemented(all.join('; '));
  }
}

/** Each problem once, at most `maxShown` of them. */
export function shownProblems(found: readonly Problem[]): readonly Problem[] {
  const different = new Map(found.map((problem) => [`${problem.place?.at ?? ''} ${problem.text}`, problem]));
  const problems = [...different.values()];
  if (problems.length <= maxShown) return problems;
  return [...problems.slice(0, maxShown), { text: `and ${problems.length - maxShown} more`, place: null }];
}
