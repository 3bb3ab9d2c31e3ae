/**
 * Proving that the old side serves nobody. Its own agents say it when they answer; else the configured command stops it and
 * its proof is seen to hold; else two people write what they have seen. That it cannot be reached proves nothing.
 */
import type { FenceProof } from '../../domain/move.ts'
import { onSite } from '../activity-options.ts'
import { whileUnanswered } from '../escalation.ts'
import { failureOf, isFailure } from '../failure-of.ts'
import type { NoticeText } from '../notices.ts'
import { fail } from '../procedure.ts'
import { timed } from '../restore/context.ts'
import { type MoveContext, moveOf } from './context.ts'
import { stopSource } from './source.ts'

/** The run has no place any more where people gave the proof. @throws ApplicationFailure Timeout when nobody says in time that the old side is stopped */
export async function fenceSource(context: MoveContext): Promise<FenceProof> {
  const move = moveOf(context)
  const believed = move.fence.includes('agents')
  const { absent, problems: failed } = await stopSource({ ...context, staysStopped: move.breach !== undefined, doubted: !believed })
  const at = () => new Date().toISOString()
  if (absent.length === 0 && believed) return { by: 'agents', detail: `agents of site ${move.from} saw services and databases stopped`, at: at() }
  return timed(context, 'fence', async () => {
    if (!move.fence.includes('people')) {
      throw fail('AgentAbsent', `no agent answers on ${absent.join(', ')}: without it something could be lost; where it is lost for good: muster failover`)
    }
    const problems = [
      ...(absent.length === 0 ? [] : [`no agent answers on ${absent.join(', ')}`]),
      ...(believed ? [] : [`${move.breach?.suspects.join(', ') ?? 'the old side'} is under suspicion: what its agents say proves nothing`]),
      ...failed,
    ]
    if (move.fence.includes('command')) {
      const proof = await byCommand(context, problems)
      if (proof) return proof
    }
    return byPeople(context, problems)
  })
}

/** Once: a command that failed may have a reason that a person has to see. */
async function byCommand(context: MoveContext, problems: string[]): Promise<FenceProof | null> {
  const { system } = context.input
  try {
    return await onSite(context.site, 'control', context.plan.limits).runFence.executeWithOptions({ summary: `fence command of ${system}` }, [
      { system, configHash: context.plan.decision.configHash },
    ])
  } catch (error) {
    if (!isFailure(error)) throw error
    problems.push(failureOf(error).message)
    return null
  }
}

async function byPeople(context: MoveContext, problems: readonly string[]): Promise<FenceProof> {
  const { from, fencePeople } = moveOf(context)
  const { decisionHash, limits } = context.plan
  context.board.phase('fence: waiting for people')
  const body = [
    ...problems,
    `Make sure that nobody is served there any more: power off, link cut, service stopped by hand. That it cannot be reached from here proves nothing.`,
    `Then ${fencePeople} people say what they have seen: muster fence ${context.run.split(':')[0]} --statement TEXT`,
  ].join('\n')
  const asked: NoticeText = { event: 'alarm', severity: 'critical', subject: `${context.title} waits: is site ${from} stopped?`, body }
  context.turn.rest()
  const said = await whileUnanswered(context.notices, asked, () => context.attests.await({ hash: decisionHash, people: fencePeople }, limits.correctionSeconds))
  return { by: 'people', detail: said.map(({ person, statement }) => `${person}: ${statement}`).join('; '), at: new Date().toISOString() }
}
