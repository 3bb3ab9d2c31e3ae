/**
 * Moving a system to its other site: what of the decision a restore does not have, who is stopped where, and how it is known
 * that the old side serves nobody any more.
 */

import type { BreachRotation } from './breach.ts'
import type { PlannedDnsChange } from './dns-plan.ts'

/** `failover`: the site may be lost. `switchover`, `failback`: both sites work, and nothing may be lost. */
export type MoveProcedure = 'failover' | 'failback' | 'switchover'

/** Both sites have to work, and what is committed on the old side until it stops comes along. */
export function isPlanned(procedure: string): boolean {
  return procedure === 'switchover' || procedure === 'failback'
}

export function isMove(procedure: string): procedure is MoveProcedure {
  return procedure === 'failover' || isPlanned(procedure)
}

/** In the decision of a planned move, the backup of a tree that does not exist yet: it is made once the services are stopped. */
export const madeAfterStop = 'made after the stop'

/** How the old side is fenced, in the order in which it is tried. */
export type FenceWay = 'agents' | 'command' | 'people'

export interface MoveDecision {
  readonly from: string
  readonly to: string
  /** What serves users at `from`, services in stop order. */
  readonly source: MoveSource
  readonly fence: readonly FenceWay[]
  /** How many people must write that the old side is stopped, where nothing else proves it. */
  readonly fencePeople: number
  /** Exactly what is replaced by what, record by record; empty where the system has no DNS record. */
  readonly dns: readonly PlannedDnsChange[]
  /** More than the configured bound may be lost, because a person said so when asking. */
  readonly acceptLoss: boolean
  /** Of one that answers a breach: what is changed before the opening. */
  readonly breach?: { readonly run: string; readonly since: string; readonly suspects: readonly string[]; readonly rotate: BreachRotation }
}

export interface MoveSource {
  readonly databases: readonly { readonly component: string; readonly host: string }[]
  readonly services: readonly { readonly service: string; readonly host: string }[]
}

/** What shows that the old side serves nobody. */
export interface FenceProof {
  readonly by: FenceWay
  /** For a person: which agents, which command, who wrote what. */
  readonly detail: string
  readonly at: string
}

/** Two people, since one who is wrong would make two primaries. */
export const fencePeople = 2

const end = ['open', 'health', 'commit', 'full-backup']
const closed = ['promote', 'swap', 'start-closed', 'check', 'protect-again']

/** Steps of a move, as ids. Preparing runs beside approval and fencing; `gate` waits for all of them. */
export function moveSteps(procedure: string, { dns, breach }: Pick<MoveDecision, 'dns' | 'breach'>, latest: boolean): readonly string[] {
  const trees = isPlanned(procedure) ? ['final-trees'] : []
  return [
    'restore-aside',
    'check-aside',
    'fence',
    'save-tail',
    ...trees,
    ...(latest ? ['replay-tail'] : []),
    'gate',
    'take-over',
    ...closed,
    ...(breach ? ['rotate', 'review'] : []),
    ...(dns.length > 0 ? ['dns'] : []),
    ...end,
  ]
}

/** Hosts of the old side. */
export function sourceHosts({ databases, services }: MoveSource): readonly string[] {
  return [...new Set([...services, ...databases].map(({ host }) => host))]
}
