import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { asideQuarantine, treeAside } from '../restore/places.ts'
import type { AnyStep, DatabaseStep, TreeStep } from '../restore/types.ts'

export interface SmokeDrillStep {
  readonly system: string
  readonly configHash: string
  readonly run: string
  /** Name of the configured drill whose command is run. */
  readonly drill: string
  /** What was restored, in the order of the decision. */
  readonly restored: readonly AnyStep[]
}

/**
 * Runs the smoke command of a configured drill against what was restored, without a network where the host allows that.
 * It finds the held database by PGHOST, PGPORT, PGUSER and PGDATABASE, and each tree by MUSTER_DRILL_<COMPONENT>.
 *
 * Effect: what the command does to the restored copies, which are removed afterwards; the database is read-only.
 * Idempotent: as the command is.
 * Heartbeat: none needed.
 * Fails with: CheckFailed with the last words of the command; UnknownName.
 */
export function smokeDrill(agent: Agent) {
  return async (step: SmokeDrillStep, work: Work): Promise<{ readonly seconds: number }> => {
    const startedAt = Date.now()
    const { config } = await agent.config(step.configHash)
    const rule = (systemOf(config, step.system).drills ?? []).find(({ name }) => name === step.drill)
    if (!rule?.smoke) throw new MusterError('UnknownName', `drill "${step.drill}" of ${step.system} has no smoke command`)
    const env = await variablesOf(agent, step.restored)
    await agent.runSmokeCommand(rule.smoke, { signal: work.signal, label: work.label, env })
    return { seconds: (Date.now() - startedAt) / 1000 }
  }
}

/** Where a command finds what was restored. */
export async function variablesOf(agent: Agent, restored: readonly AnyStep[]): Promise<Readonly<Record<string, string>>> {
  return Object.assign({}, ...(await Promise.all(restored.map((one) => variablesOfOne(agent, one))))) as Record<string, string>
}

async function variablesOfOne(agent: Agent, step: AnyStep): Promise<Readonly<Record<string, string>>> {
  const name = `MUSTER_DRILL_${step.component.toUpperCase().replace(/-/g, '_')}`
  if (step.decision.type === 'files') {
    const tree = step as TreeStep
    return { [name]: tree.decision.members.length === 1 ? treeAside(agent, tree, 0) : join(treeAside(agent, tree, 0), '..') }
  }
  const { config } = await agent.config(step.configHash)
  const { config: found } = await agent.instance(config, step.system, step.component)
  const { socketDirectory, port } = asideQuarantine(agent, step as DatabaseStep)
  return { [name]: socketDirectory, PGHOST: socketDirectory, PGPORT: String(port), PGUSER: found.connection.user, PGDATABASE: found.connection.database }
}
