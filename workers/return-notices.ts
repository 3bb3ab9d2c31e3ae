/** What the return guard tells people, on every channel, without waiting for one that hangs and without saying the same every few seconds. */
import type { Agent } from '../activities/agent.ts'
import type { Config } from '../domain/config.ts'
import type { Standing } from '../domain/guard.ts'
import type { Fence } from '../domain/repository-format.ts'
import { within } from '../repository/within.ts'

export interface ReturnNotices {
  stopped(system: string, parts: readonly string[], standing: Standing, fence: Fence): Promise<void>
  notStopped(system: string, part: string, fence: Fence, error: unknown): Promise<void>
  notSeen(system: string, part: string, fence: Fence, error: unknown): Promise<void>
  startedAgain(system: string, parts: readonly string[], run: string): Promise<void>
  failed(system: string, error: unknown): Promise<void>
}

/** Before the same is told again. */
const quietSeconds = 600
const channelSeconds = 15

export function createReturnNotices(agent: Agent, config: Config): ReturnNotices {
  const toldAt = new Map<string, number>()
  const tell = async (system: string, subject: string, lines: readonly string[]) => {
    const last = toldAt.get(`${system} ${subject}`)
    if (last !== undefined && performance.now() - last < quietSeconds * 1000) return
    toldAt.set(`${system} ${subject}`, performance.now())
    const about = { event: 'alarm', severity: 'critical', organisation: config.organisation, system, procedure: 'guard' } as const
    const notice = { ...about, run: `guard/${agent.host}`, subject, body: lines.join('\n'), at: agent.now().toISOString() }
    await Promise.all(
      (await agent.notifiers(config)).map(async (notifier) => {
        try {
          await within(channelSeconds, () => notifier.notify(notice), notifier.channel)
        } catch (error) {
          agent.log.error({ system, channel: notifier.channel, problem: wordsOf(error) }, 'could not tell people of what the guard did')
        }
      }),
    )
  }
  return {
    async stopped(system, parts, standing, fence) {
      agent.log.error({ system, parts, activeSite: standing.site, run: fence.run }, 'stopped what was still served at a fenced site')
      if (standing.site === agent.site) {
        return tell(system, `${system} was started on ${agent.host}, which is ${fence.proof.detail}, and is stopped`, [
          `Stopped: ${parts.join(', ')}. ${fence.run} answers the breach: nothing is served here until it has moved, or a person lifts the suspicion.`,
          `Who started it? Nothing came of it after all: muster scenario security-breach ${system} --lift ${fence.run} --reason TEXT`,
        ])
      }
      await tell(system, `${system} was still served on ${agent.host} and is stopped: it is active at site ${standing.site}`, [
        `Stopped: ${parts.join(', ')}. ${fence.run} moved the system to site ${standing.site}, fenced by ${fence.proof.by} (${fence.proof.detail}).`,
        ...fence.lives.map(
          ({ component, replayedLsn }) => `${component}: what was committed here behind ${replayedLsn} is not at site ${standing.site}. It is kept.`,
        ),
        `Count it: muster diverged ${system}, on ${agent.host}. Nothing is merged.`,
      ])
    },
    async notStopped(system, part, fence, error) {
      agent.log.error({ system, part, run: fence.run, problem: wordsOf(error) }, 'cannot stop what is still served at a fenced site')
      await tell(system, `${system}: ${part} is still served on ${agent.host}, is fenced there, and cannot be stopped`, [
        wordsOf(error),
        `Two sites serve it. Stop it by hand, or cut ${agent.host} off from its users. It is tried again every few seconds.`,
      ])
    },
    async startedAgain(system, parts, run) {
      agent.log.error({ system, parts, run }, 'started again what the guard had stopped: its run gave the site back')
      await tell(system, `${system} is served on ${agent.host} again: ${run} was taken back`, [`Started: ${parts.join(', ')}.`])
    },
    async failed(system, error) {
      const problem = wordsOf(error)
      const last = toldAt.get(`log ${system} ${problem}`)
      if (last !== undefined && performance.now() - last < quietSeconds * 1000) return
      toldAt.set(`log ${system} ${problem}`, performance.now())
      agent.log.error({ system, problem }, 'the guard could not look after this system; it tries again')
    },
    async notSeen(system, part, fence, error) {
      agent.log.error({ system, part, run: fence.run, problem: wordsOf(error) }, 'cannot see whether a fenced system is still served here')
      await tell(system, `${system}: whether ${part} is still served on ${agent.host}, where it is fenced, cannot be seen`, [
        wordsOf(error),
        'Look yourself, and stop it where it runs. It is tried again every few seconds.',
      ])
    },
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
