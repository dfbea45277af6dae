/**
 * The steps that bring a model to the state of a wish. A pure function; the loop of `model-lifecycle.ts` carries out the
 * steps in order. A step that fails ends the change, and all earlier steps are undone.
 */

/** The state that the newest wish asks for. */
type Aspired =
  /** To serve these versions, ascending, none of them twice. */
  | {
      readonly kind: 'serve';
      readonly versions: readonly number[];
      /** Whether a version that serves already has to be loaded anew. */
      readonly reloads: (version: number) => boolean;
      /** Whether the versions that stay need another set of instances. */
      readonly resizes: boolean;
    }
  /** To serve nothing; the model stays known as unloaded. */
  | { readonly kind: 'unloaded' }
  /** To be unknown. */
  | { readonly kind: 'gone' };

type Step =
  /** New versions to load beside those that serve. */
  | { readonly kind: 'load'; readonly versions: readonly number[] }
  /** Other instances for versions that stay, prepared but not used yet. */
  | { readonly kind: 'resize'; readonly versions: readonly number[] }
  /** The one step that callers see: the versions that stay and the new ones serve, and the others drain. */
  | { readonly kind: 'commit'; readonly stay: readonly number[]; readonly leave: readonly number[] }
  /**
   * When all draining versions are unloaded, the entry of the model leaves the table, unless there is a new wish by
   * then.
   */
  | { readonly kind: 'forget' };

/** @param serving versions that serve now, ascending */
export function reconcile(aspired: Aspired, serving: readonly number[]): readonly Step[] {
  if (aspired.kind === 'unloaded') return [{ kind: 'commit', stay: [], leave: serving }];
  if (aspired.kind === 'gone') return [{ kind: 'commit', stay: [], leave: serving }, { kind: 'forget' }];
  const stay = serving.filter((version) => aspired.versions.includes(version) && !aspired.reloads(version));
  const fresh = aspired.versions.filter((version) => !stay.includes(version));
  const steps: Step[] = [];
  if (fresh.length > 0) steps.push({ kind: 'load', versions: fresh });
  if (aspired.resizes && stay.length > 0) steps.push({ kind: 'resize', versions: stay });
  steps.push({ kind: 'commit', stay, leave: serving.filter((version) => !stay.includes(version)) });
  return steps;
}
