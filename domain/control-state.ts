/** The fold of a system's control records: what they add up to now. */
import type { ControlBody, ControlRecord, Fence, Incarnation, Suspicion } from './repository-format.ts'

type BodyOf<K extends ControlBody['kind']> = Extract<ControlBody, { kind: K }>

export interface ControlState {
  readonly site: { readonly site: string; readonly controlIncarnation: number; readonly run?: string } | null
  /** Of moves that were not taken back. */
  readonly fences: readonly Fence[]
  readonly incarnations: readonly Incarnation[]
  readonly restorePoints: readonly BodyOf<'restore-point'>[]
  readonly gaps: readonly BodyOf<'gap'>[]
  readonly openedWithout: readonly BodyOf<'opened-without'>[]
  /** Those that nobody has lifted; of hosts made anew with the moment of that. */
  readonly suspicions: readonly Suspicion[]
  readonly stepsDone: readonly BodyOf<'step-done'>[]
  readonly reviews: readonly BodyOf<'review'>[]
  readonly safetySets: readonly (BodyOf<'safety-set'> & { readonly at: string })[]
}

export function foldRecords(records: readonly ControlRecord[]): ControlState {
  const of = <K extends ControlBody['kind']>(kind: K) => records.flatMap((record) => (record.body.kind === kind ? [record.body as BodyOf<K>] : []))
  const sites = of('site')
  return {
    site: sites.at(-1) ?? null,
    fences: fencesOf(records),
    incarnations: of('incarnation'),
    restorePoints: of('restore-point'),
    gaps: of('gap'),
    openedWithout: of('opened-without'),
    suspicions: of('suspicion').flatMap((one) => asLifted(records, one)),
    stepsDone: of('step-done'),
    reviews: of('review'),
    safetySets: safetySetsOf(records),
  }
}

/** Only the control key lifts one: a host under suspicion has a key of its own. `readChain` has proven who wrote it. */
function asLifted(records: readonly ControlRecord[], suspicion: BodyOf<'suspicion'>): readonly BodyOf<'suspicion'>[] {
  const lifted = records.find(({ by, body }) => by === controlWriter && body.kind === 'suspicion-lifted' && body.run === suspicion.run)
  if (!lifted) return [suspicion]
  return lifted.body.kind === 'suspicion-lifted' && lifted.body.rebuilt ? [{ ...suspicion, until: lifted.at }] : []
}

/** What records say that the control key signed. */
export const controlWriter = 'control'

function fencesOf(records: readonly ControlRecord[]): readonly Fence[] {
  let fences: Fence[] = []
  for (const { body } of records) {
    if (body.kind === 'fence') fences.push(body)
    // Lives that a later one descends from ended there all the same; only a move that was taken back never happened.
    if (body.kind === 'site') fences = fences.filter(({ run, site }) => !(site === body.site && run === body.run))
  }
  return fences
}

/** What was brought back is in service, and no safety set any more. */
function safetySetsOf(records: readonly ControlRecord[]): ControlState['safetySets'] {
  const sets: ControlState['safetySets'][number][] = []
  for (const { body, at } of records) {
    if (body.kind !== 'safety-set') continue
    const components = new Set(body.members.map(({ component }) => component))
    for (const [index, set] of sets.entries()) {
      if (set.run === body.broughtBack) sets[index] = { ...set, members: set.members.filter(({ component }) => !components.has(component)) }
    }
    sets.push({ ...body, at })
  }
  return sets.filter(({ members }) => members.length > 0)
}

/** The incarnation in service: the newest of the component. */
export function currentIncarnation(state: ControlState, component: string): Incarnation | null {
  return state.incarnations.filter((incarnation) => incarnation.component === component).at(-1) ?? null
}

/** An incarnation and its ancestors, newest first. */
export function lineage(incarnations: readonly Incarnation[], id: string): readonly Incarnation[] {
  const result: Incarnation[] = []
  let next: string | null = id
  while (next !== null) {
    const found: Incarnation | undefined = incarnations.find((incarnation) => incarnation.incarnation === next)
    if (!found || result.includes(found)) break
    result.push(found)
    next = found.parent
  }
  return result
}

/**
 * Which of two chains counts. Sites that were cut off from each other may each have gone on writing: the one that took over
 * last is right, however much the other wrote since.
 */
export function outranks(one: readonly ControlRecord[], other: readonly ControlRecord[]): boolean {
  const [mine, theirs] = [one, other].map((records) => foldRecords(records).site?.controlIncarnation ?? 0) as [number, number]
  return mine === theirs ? one.length > other.length : mine > theirs
}
