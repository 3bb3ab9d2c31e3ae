/** The safety set: what a restore replaced, every part of it, where a person and `--back` find it. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostgresqlDecision } from '../../../domain/decision.ts'
import type { SafetyMember } from '../../../domain/repository-format.ts'
import { appendRecord } from '../../../repository/control-records.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { recordWriter } from '../incarnations.ts'
import { claimOf } from './claims.ts'
import { alsoSetAside, closedPlace, membersOf, restoreShort } from './places.ts'
import type { AnySwapStep } from './swap-types.ts'
import type { AnyStep, DatabaseStep } from './types.ts'

/**
 * Ends the swap of a component: what was set aside is the safety set from now on, and is recorded.
 *
 * Effect: `safety-<run>` of each member; a control record; work files are removed.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: EpochSuperseded, RecordConflict, Unreachable.
 */
export function keepSafetySet(agent: Agent) {
  return async (step: AnySwapStep, work: Work): Promise<{ readonly kept: readonly SafetyMember[] }> => {
    const { config } = await agent.config(step.configHash)
    const kept: SafetyMember[] = []
    for (const member of membersOf(agent, step)) {
      const epoch = await agent.members.takeEpoch(member, claimOf(work))
      const safetyPath = await agent.members.keepSafetySet(member, epoch, agent.members.safetyPath(member, restoreShort(step)))
      await agent.members.removeRemains(member, epoch)
      await rm(join(member.workDirectory, `promoted-${restoreShort(step)}.json`), { force: true })
      await agent.members.assertNewest(member, epoch)
      const sizeBytes = step.safety.find((one) => one.path === member.path)?.sizeBytes ?? 0
      if (safetyPath !== null) kept.push({ component: step.component, path: member.path, safetyPath, sizeBytes })
    }
    if (step.decision.type === 'postgresql') {
      await rm(closedPlace(agent, step as DatabaseStep).socketDirectory, { recursive: true, force: true })
      kept.push(...(await membersBeside(agent, step.component, step.decision)))
    }
    const keepUntil = new Date(agent.now().getTime() + step.keepSeconds * 1000).toISOString()
    if (kept.length > 0) {
      await appendRecord(await recordWriter(agent, config), step.system, (records) =>
        records.some(({ body }) => body.kind === 'safety-set' && body.run === step.run && body.members.some((one) => one.component === step.component))
          ? null
          : { kind: 'safety-set', run: step.run, host: agent.host, members: kept, keepUntil, ...broughtBack(step) },
      )
    }
    return { kept }
  }
}

/** What the old data has outside its data directory stays where it is, as long as it is kept. */
export async function membersBeside(agent: Agent, component: string, decision: PostgresqlDecision): Promise<readonly SafetyMember[]> {
  const members: SafetyMember[] = []
  for (const path of alsoSetAside(decision)) {
    const sizeBytes = await agent.members.besideSize(path)
    const except = await agent.members.otherLivesIn(path)
    if (sizeBytes > 0) members.push({ component, path, safetyPath: path, sizeBytes, ...(except.length > 0 && { except }) })
  }
  return members
}

function broughtBack(step: AnyStep): { readonly broughtBack?: string } {
  return step.mode === 'back' ? { broughtBack: step.decision.backup.replace(/^safety:/, '') } : {}
}
