import { currentIncarnation } from '../../domain/control-state.ts'
import { MusterError } from '../../domain/failures.ts'
import { parseLsn, formatLsn } from '../../domain/wal.ts'
import { pathsTo } from '../../domain/recovery-path.ts'
import { baseFacts } from '../../repository/recovery-choice.ts'
import type { PostgresqlComponentConfig } from '../../domain/config.ts'
import { type Agent, componentOf } from '../agent.ts'
import type { Work } from '../boundary.ts'
import { appendRecord } from '../../repository/control-records.ts'
import { ensureIncarnation, recordWriter } from './incarnations.ts'
import { readState, viewStore } from './restore/repository-view.ts'

export interface ArchiveWalInput {
  readonly system: string
  readonly component: string
  readonly configHash: string
  /** Name of a point to make. */
  readonly point?: string
}

export interface ArchivedWal {
  readonly component: string
  readonly incarnation: string | null
  /** In the required stores up to here. */
  readonly requiredLsn: string
  readonly lastCommitAt: string | null
  readonly stores: readonly {
    readonly store: string
    readonly shippedLsn: string | null
    readonly lagSeconds: number | null
    readonly problem: string | null
  }[]
  /** Holes between the newest base backup and what was shipped; empty is good. */
  readonly gaps: readonly string[]
}

const flushSeconds = 60

/**
 * Has the shipper store everything up to now, then walks what each store has for holes.
 *
 * Effect: a tick commit; WAL in the stores.
 * Idempotent: yes.
 * Heartbeat: each store walked.
 * Fails with: Unreachable when no shipper answers, Timeout when the required stores do not take it, CopiesMissing when
 *   all have it and are too few, as stores in one place are.
 */
export function archiveWal(agent: Agent) {
  return async (input: ArchiveWalInput, work: Work): Promise<ArchivedWal> => {
    const { config } = await agent.config(input.configHash)
    const component = componentOf(config, input.system, input.component) as PostgresqlComponentConfig
    if (input.point !== undefined) await makePoint(agent, config, input, input.point)
    const flushed = await agent.postgresql.shipperRequest(
      agent.shipperSocket,
      'flush',
      { system: input.system, component: input.component, tick: true, timeoutSeconds: flushSeconds },
      { signal: work.signal },
    )
    const state = await readState(agent, config, input.system)
    const current = currentIncarnation(state, input.component)
    const gaps: string[] = []
    for (const store of component.stores) {
      work.progress({ phase: store, doneBytes: 0, totalBytes: null })
      const gap = current ? await holeIn(agent, config, input, store, current.incarnation, state, flushed.requiredLsn) : null
      if (gap) gaps.push(gap)
    }
    return {
      component: input.component,
      incarnation: current?.incarnation ?? null,
      requiredLsn: flushed.requiredLsn,
      lastCommitAt: flushed.lastCommitAt,
      stores: flushed.stores.map(({ store, shippedLsn, lagSeconds, problem }) => ({ store, shippedLsn, lagSeconds, problem })),
      gaps,
    }
  }
}

/** The server writes the point into its WAL; the record says where, so that a plan can tell whether it is reachable. */
async function makePoint(agent: Agent, config: Parameters<Agent['instance']>[0], input: ArchiveWalInput, name: string): Promise<void> {
  const instance = await agent.instance(config, input.system, input.component)
  const facts = await agent.postgresql.inspectServer(instance)
  const { incarnation } = await ensureIncarnation(agent, config, input.system, input.component, facts)
  const known = (await readState(agent, config, input.system)).restorePoints
  if (known.some((one) => one.component === input.component && one.name === name)) return
  const lsn = await agent.postgresql.createRestorePoint(instance, name)
  const at = agent.now().toISOString()
  await appendRecord(await recordWriter(agent, config), input.system, () => ({ kind: 'restore-point', component: input.component, incarnation, name, lsn, at }))
}

/** A store that is merely behind is in debt; a hole is WAL that is missing although later WAL is there. */
async function holeIn(
  agent: Agent,
  config: Parameters<Agent['instance']>[0],
  input: ArchiveWalInput,
  storeName: string,
  incarnation: string,
  state: Awaited<ReturnType<typeof readState>>,
  requiredLsn: string,
): Promise<string | null> {
  try {
    const view = await viewStore(agent, config, input.system, input.component, storeName, state)
    const [newest] = pathsTo(incarnation, view.manifests.map(baseFacts), state.incarnations, view.shipments)
    if (!newest) return null
    const later = (view.shipments.get(incarnation) ?? []).some((one) => one.kind !== 'history' && one.startLsn > newest.untilLsn)
    if (!later || newest.untilLsn >= parseLsn(requiredLsn)) return null
    return `${storeName}: WAL is missing at ${formatLsn(newest.untilLsn)} although later WAL is there`
  } catch (error) {
    if (error instanceof MusterError) return null
    throw error
  }
}
