/** The fold of a system's control records: what they add up to now. */
import type { ControlBody, ControlRecord, Incarnation } from './repository-format.ts'

type BodyOf<K extends ControlBody['kind']> = Extract<ControlBody, { kind: K }>

export interface ControlState {
  readonly site: { readonly site: string; readonly controlIncarnation: number } | null
  readonly incarnations: readonly Incarnation[]
  readonly restorePoints: readonly BodyOf<'restore-point'>[]
  readonly gaps: readonly BodyOf<'gap'>[]
  readonly openedWithout: readonly BodyOf<'opened-without'>[]
  readonly safetySets: readonly (BodyOf<'safety-set'> & { readonly at: string })[]
}

export function foldRecords(records: readonly ControlRecord[]): ControlState {
  const of = <K extends ControlBody['kind']>(kind: K) => records.flatMap((record) => (record.body.kind === kind ? [record.body as BodyOf<K>] : []))
  const sites = of('site')
  return {
    site: sites.at(-1) ?? null,
    incarnations: of('incarnation'),
    restorePoints: of('restore-point'),
    gaps: of('gap'),
    openedWithout: of('opened-without'),
    safetySets: records.flatMap((record) => (record.body.kind === 'safety-set' ? [{ ...record.body, at: record.at }] : [])),
  }
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
