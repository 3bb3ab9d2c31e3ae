import type { InventoryItem } from '../../../domain/breach.ts'
import { noBreachConfig } from '../../../domain/breach.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { CheckResult } from '../../../domain/repository-format.ts'
import { withinItsTime } from '../../bounded-command.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { variablesOf } from '../drill/smoke-drill.ts'
import { asideQuarantine, treeAside } from '../restore/places.ts'
import type { AnyStep, DatabaseStep, TreeStep } from '../restore/types.ts'
import { writeInventory } from './breach-place.ts'

export interface ExamineCandidateStep {
  readonly system: string
  readonly configHash: string
  /** Workflow id and run id of the answer to the breach. */
  readonly breach: string
  /** What the inventory is kept as. */
  readonly name: string
  /** Whether the scanners look at it; of what is only compared with, they need not. */
  readonly scan: boolean
  readonly restored: readonly AnyStep[]
}

/**
 * Looks at what a drill has restored, held in quarantine: an inventory of what somebody could come back with, and each
 * configured scanner, without a network where the host allows that.
 *
 * Effect: the inventory, as a file of this host; what the scanners do to the copy, which is removed afterwards.
 * Idempotent: as the scanners are.
 * Heartbeat: each component and scanner.
 * Fails with: CheckFailed with the last words of the scanner that found something, or of one that did not end in time;
 *   PreconditionFailed where one cannot be run.
 */
export function examineCandidate(agent: Agent) {
  return async (step: ExamineCandidateStep, work: Work): Promise<{ readonly items: number; readonly checks: readonly CheckResult[] }> => {
    const { config } = await agent.config(step.configHash)
    const items: InventoryItem[] = []
    for (const one of step.restored) {
      work.progress({ phase: `inventory of ${one.component}`, doneBytes: items.length, totalBytes: null })
      items.push(...(await inventoryOf(agent, config, one, work)))
    }
    await writeInventory(agent, step.breach, step.name, items)
    const { scanners } = systemOf(config, step.system).breach ?? noBreachConfig
    const env = await variablesOf(agent, step.restored)
    const checks: CheckResult[] = []
    for (const { name, command, timeoutSeconds } of step.scan ? scanners : []) {
      const options = { signal: work.signal, label: work.label, env, what: `scanner ${name}:`, timeoutSeconds }
      await withinItsTime(work, `scanner ${name}`, () => agent.runSmokeCommand(command, options)).catch((error: unknown) => {
        throw verdictOf(error, name)
      })
      checks.push({ name: `scanner ${name}`, value: null, ok: true, detail: 'found nothing' })
    }
    return { items: items.length, checks }
  }
}

/** What is not shown to be clean is not taken; a scanner that is not there says nothing, and no retry brings it. */
export function verdictOf(error: unknown, name: string): unknown {
  if (!(error instanceof MusterError)) return error
  if (error.type === 'Timeout')
    return new MusterError('CheckFailed', `scanner ${name}: ${error.message}: it is not shown that nothing is there`, { cause: error })
  if (error.type !== 'CommandFailed') return error
  return new MusterError('PreconditionFailed', `scanner ${name} cannot be run: ${error.message}`, { cause: error, hint: error.hint })
}

async function inventoryOf(agent: Agent, config: Parameters<Agent['instance']>[0], step: AnyStep, work: Work): Promise<readonly InventoryItem[]> {
  const { component } = step
  if (step.decision.type === 'postgresql') {
    const found = await agent.postgresql.takeInventory(await agent.instance(config, step.system, component), asideQuarantine(agent, step as DatabaseStep))
    return found.map((one) => ({ ...one, component }))
  }
  const tree = step as TreeStep
  const items: InventoryItem[] = []
  for (const [index, { path }] of tree.decision.members.entries()) {
    const found = await agent.files.takeInventory(treeAside(agent, tree, index), { signal: work.signal })
    items.push(...found.map((one) => ({ ...one, component, name: tree.decision.members.length === 1 ? one.name : `${path} ${one.name}` })))
  }
  return items
}
