/**
 * A system that is fenced at this site and still served here is stopped: a site that was cut off, went on serving and is
 * reached again; or a host under suspicion on which somebody starts it again. It works without Temporal, beside the WAL shipper, and acts only on what it is certain of: a store that
 * stands at another site names both the move and the fence. What was committed here after the fence stays where it is.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent } from '../activities/agent.ts'
import { hasPass } from '../activities/host/guard-permits.ts'
import type { Config } from '../domain/config.ts'
import { type GuardVerdict, judgeGuard, type StoreAnswer } from '../domain/guard.ts'
import type { Fence } from '../domain/repository-format.ts'
import { readStopped, rememberStopped, forgetStopped } from './return-notes.ts'
import { type Part, partsHere, startInOrder } from './return-parts.ts'
import type { ReturnNotices } from './return-notices.ts'

export interface GuardedSystem {
  readonly system: string
  /** Its site where no record says another. */
  readonly home: string
}

export interface ReturnGuard {
  readonly agent: Agent
  /** Each system as it is at this site. */
  readonly config: Config
  /** Those that can be at another site. */
  readonly systems: readonly GuardedSystem[]
  readonly ask: (system: string) => Promise<readonly StoreAnswer[]>
  readonly notices: ReturnNotices
  readonly everySeconds: number
}

/** Looks at once and then again and again, until aborted; never rejects. */
export async function watchReturn(guard: ReturnGuard, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && guard.systems.length > 0) {
    for (const one of guard.systems) {
      if (signal.aborted) return
      try {
        await lookAfter(guard, one, signal)
      } catch (error) {
        if (signal.aborted) return
        await guard.notices.failed(one.system, error)
      }
    }
    await sleep(guard.everySeconds * 1000, undefined, { signal }).catch(() => undefined)
  }
}

async function lookAfter(guard: ReturnGuard, one: GuardedSystem, signal: AbortSignal): Promise<void> {
  const before = await judge(guard, one)
  if (before.kind === 'active') return startWhatWasGivenBack(guard, one, before, signal)
  const fence = fenceOf(before)
  // What a step of a run starts right now is that run's to stop, whatever became of the records.
  if (fence === null || (await hasPass(guard.agent, one.system))) return
  const served = await servedHere(guard, one.system, fence, signal)
  if (served.length > 0) await stop(guard, one, served, signal)
}

/** What cannot be seen hides nothing else: a service whose status cannot be asked keeps no database running. */
async function servedHere({ agent, config, notices }: ReturnGuard, system: string, fence: Fence, signal: AbortSignal): Promise<readonly Part[]> {
  const served: Part[] = []
  for (const part of partsHere(agent, config, system)) {
    try {
      if (await part.isServed(signal)) served.push(part)
    } catch (error) {
      if (signal.aborted) throw error
      await notices.notSeen(system, part.name, fence, error)
    }
  }
  return served
}

/**
 * A run that takes its move back gives the site back first and starts the old side then. So the records are read again after
 * the system was seen to be served, and before each stop: what such a run has started is never stopped.
 */
async function stop(guard: ReturnGuard, one: GuardedSystem, served: readonly Part[], signal: AbortSignal): Promise<void> {
  const stopped: Part[] = []
  let verdict = await judge(guard, one)
  for (const part of served) {
    const fence = fenceOf(verdict)
    if (fence === null || signal.aborted) break
    // Written before: whoever comes after a crash must know what this loop stopped, should the move be taken back.
    await rememberStopped(guard.agent, one.system, fence.run, part)
    try {
      await part.stop(signal)
      stopped.push(part)
    } catch (error) {
      if (signal.aborted) break
      await guard.notices.notStopped(one.system, part.name, fence, error)
    }
    verdict = await judge(guard, one)
  }
  const fence = fenceOf(verdict)
  if (stopped.length > 0 && fence !== null && (verdict.kind === 'elsewhere' || verdict.kind === 'isolated')) {
    await guard.notices.stopped(
      one.system,
      stopped.map(({ name }) => name),
      verdict.standing,
      fence,
    )
  }
}

/** What this loop stopped, it starts again when the very run that fenced it has given the site back. */
async function startWhatWasGivenBack(
  guard: ReturnGuard,
  { system }: GuardedSystem,
  { standing }: Extract<GuardVerdict, { kind: 'active' }>,
  signal: AbortSignal,
): Promise<void> {
  const note = await readStopped(guard.agent, system)
  if (note === null) return
  if (standing.run === note.run) {
    const parts = partsHere(guard.agent, guard.config, system).filter(({ name }) => note.parts.includes(name))
    await startInOrder(guard.agent, system, parts, signal)
    await guard.notices.startedAgain(
      system,
      parts.map(({ name }) => name),
      note.run,
    )
  }
  await forgetStopped(guard.agent, system)
}

async function judge({ agent, ask }: ReturnGuard, { system, home }: GuardedSystem): Promise<GuardVerdict> {
  return judgeGuard(agent.site, home, await ask(system), agent.host)
}

function fenceOf(verdict: GuardVerdict): Fence | null {
  return verdict.kind === 'elsewhere' || verdict.kind === 'isolated' ? verdict.fence : null
}
