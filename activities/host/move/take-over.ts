/** Making this site the active one of a system in its control records, and taking that back. */
import { randomBytes } from 'node:crypto'
import type { Config } from '../../../domain/config.ts'
import { type ControlState, currentIncarnation, foldRecords } from '../../../domain/control-state.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { FenceProof } from '../../../domain/move.ts'
import { formatLsn, parseLsn } from '../../../domain/wal.ts'
import { appendRecord } from '../../../repository/control-records.ts'
import { listShipments } from '../../../repository/wal-publish.ts'
import { type Agent, componentOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { recordWriter } from '../incarnations.ts'

export interface TakeOverStep {
  readonly system: string
  readonly configHash: string
  readonly run: string
  readonly from: string
  readonly to: string
}

export interface TakeOverInput extends TakeOverStep {
  readonly proof: FenceProof
  /** How far each database was replayed here. */
  readonly replayed: readonly { readonly component: string; readonly incarnation: string; readonly replayedLsn: string }[]
}

/**
 * Writes the fence of the old lives and makes `to` the active site. From here the agents of `from` do nothing for the system:
 * their shippers stop, their guards refuse to start it, and readers leave out what they ship later.
 *
 * Effect: two control records.
 * Idempotent: yes; each record names the run.
 * Heartbeat: each store listed.
 * Fails with: NotActiveSite when another run moved the system meanwhile; RecordConflict, Unreachable.
 */
export function takeOver(agent: Agent) {
  return async (step: TakeOverInput, work: Work): Promise<{ readonly controlIncarnation: number }> => {
    const { config } = await agent.config(step.configHash)
    const writer = await recordWriter(agent, config)
    const lives = await Promise.all(step.replayed.map(async (one) => ({ ...one, untilLsn: await endInStores(agent, config, step.system, one, work) })))
    await appendRecord(writer, step.system, (records) => {
      const state = foldRecords(records)
      refuseOther(state, step)
      if (state.fences.some(({ run }) => run === step.run)) return null
      return { kind: 'fence', run: step.run, site: step.from, proof: step.proof, lives }
    })
    const records = await appendRecord(writer, step.system, (all) => {
      const state = foldRecords(all)
      refuseOther(state, step)
      if (state.site?.site === step.to) return null
      return { kind: 'site', site: step.to, controlIncarnation: (state.site?.controlIncarnation ?? 1) + 1, run: step.run }
    })
    return { controlIncarnation: foldRecords(records).site?.controlIncarnation ?? 1 }
  }
}

/** Two operators at once: the one who comes second finds the system moved by another run. */
function refuseOther({ site }: ControlState, { system, from, to, run }: TakeOverStep): void {
  if (site === null || site.site === from || (site.site === to && site.run === run)) return
  throw new MusterError('NotActiveSite', `system "${system}" was moved to site "${site.site}" meanwhile${site.run === undefined ? '' : ` by ${site.run}`}`, {
    hint: 'look at that run; this one takes back what it did',
  })
}

/** The end of what any store has of a life that this host can read; never before what was replayed here. */
async function endInStores(
  agent: Agent,
  config: Config,
  system: string,
  { component, incarnation, replayedLsn }: TakeOverInput['replayed'][number],
  work: Work,
): Promise<string> {
  let end = parseLsn(replayedLsn)
  for (const name of componentOf(config, system, component).stores) {
    work.progress({ phase: name, doneBytes: 0, totalBytes: null })
    try {
      const shipments = await listShipments(await agent.store(config, name), system, component, incarnation)
      for (const { kind, endLsn } of shipments) if (kind !== 'history' && endLsn > end) end = endLsn
    } catch (error) {
      // What a store that is out has is not in what was replayed either.
      if (!(error instanceof MusterError)) throw error
    }
  }
  return formatLsn(end)
}

/**
 * Makes `from` the active site again. Undoes `takeOver`.
 *
 * Effect: a control record, and one for each database whose new life had been registered: its old life goes on.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: RecordConflict, Unreachable.
 */
export function giveBack(agent: Agent) {
  return async (step: TakeOverStep & { readonly lives: Readonly<Record<string, string>> }, _work: Work): Promise<{ readonly site: string }> => {
    const { config } = await agent.config(step.configHash)
    const writer = await recordWriter(agent, config)
    for (const [component, before] of Object.entries(step.lives)) {
      const id = randomBytes(6).toString('hex')
      await appendRecord(writer, step.system, (records) => oldLifeGoesOn(foldRecords(records), component, before, id, agent.now()))
    }
    const records = await appendRecord(writer, step.system, (all) => {
      const { site } = foldRecords(all)
      if (site === null || site.run !== step.run || site.site !== step.to) return null
      return { kind: 'site', site: step.from, controlIncarnation: site.controlIncarnation + 1, run: step.run }
    })
    return { site: foldRecords(records).site?.site ?? step.from }
  }
}

/** A new life that nobody was let into is left; the old one goes on from where they parted. */
function oldLifeGoesOn(state: ControlState, component: string, before: string, id: string, now: Date) {
  const current = currentIncarnation(state, component)
  const was = state.incarnations.find((one) => one.component === component && one.incarnation === before)
  if (!current || !was || current.incarnation === before || current.parent !== before || current.timelineId === was.timelineId) return null
  const registeredAt = now.toISOString()
  return { kind: 'incarnation' as const, ...was, incarnation: id, parent: before, forkLsn: current.forkLsn, forkAt: null, registeredAt }
}
