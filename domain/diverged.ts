/** Which lives of a database a site went on with after it had been fenced, and where they left what is in service. */
import { type ControlState, currentIncarnation, lineage } from './control-state.ts'

export interface DivergedLife {
  readonly component: string
  readonly incarnation: string
  readonly systemIdentifier: string
  readonly timelineId: number
  /** What was committed behind it is not in the data in service. */
  readonly forkLsn: string
  /** When the site was shown to be fenced, ISO-8601 UTC. */
  readonly fencedAt: string
  /** The run that fenced it. */
  readonly run: string
}

/** Of the newest fence of a site; empty where it was never fenced. */
export function divergedLives(state: ControlState, site: string): readonly DivergedLife[] {
  const fence = state.fences.findLast((one) => one.site === site)
  return (fence?.lives ?? []).flatMap(({ component, incarnation, replayedLsn }) => {
    const life = state.incarnations.find((one) => one.component === component && one.incarnation === incarnation)
    if (!fence || !life) return []
    const current = currentIncarnation(state, component)
    const child = current && lineage(state.incarnations, current.incarnation).find((one) => one.parent === incarnation)
    const { systemIdentifier, timelineId } = life
    // Before the new life is registered, what was replayed is as far as it can be told.
    const forkLsn = child?.forkLsn ?? replayedLsn
    return [{ component, incarnation, systemIdentifier, timelineId, forkLsn, fencedAt: fence.proof.at, run: fence.run }]
  })
}

/** Where data of a component may lie on a host: in place, or set aside by a restore that came later. */
export function placesOfData(state: ControlState, component: string, host: string, dataDirectory: string): readonly string[] {
  const aside = state.safetySets.filter((set) => set.host === host).flatMap(({ members }) => members.filter((one) => one.component === component))
  return [dataDirectory, ...aside.filter(({ path }) => path === dataDirectory).map(({ safetyPath }) => safetyPath)]
}
