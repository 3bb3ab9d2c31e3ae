/** What people are told of a Temporal that was lost or rolled back, on every channel, without waiting for one that hangs. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Agent } from '../activities/agent.ts'
import { adoptCommand, heldText, standingLines } from '../clients/standing-text.ts'
import type { Standing } from '../domain/adoption.ts'
import { identify } from '../adapters/process/find-processes.ts'
import type { ProcessIdentity } from '../adapters/process/process.ts'
import { createLogger } from '../observability/logger.ts'
import { within } from '../repository/within.ts'

export interface HoldBackNotices {
  /** The agent may be started again and again by its supervisor: people hear of one Temporal once. Never throws. */
  held(standing: Standing): Promise<void>
  adopted(standing: Standing, reason: string): Promise<void>
  /** What is told next is told anew. */
  over(): Promise<void>
}

const channelSeconds = 15

/** In the directory of a host. */
export const holdNoteFile = 'held-back.json'

/** Stands while a worker of the host waits for a person, and until one takes work. */
export interface HoldNote {
  /** Namespace id and reason. */
  readonly said: string
  readonly since: string
  /** The worker that waits. */
  readonly process: ProcessIdentity | null
  /** Whether people were told. */
  readonly told: boolean
}

export function createHoldBackNotices(agent: Agent): HoldBackNotices {
  const log = createLogger({ room: 'hold-back', host: agent.host })
  const toldFile = join(agent.hostDirectory, holdNoteFile)
  const note = (one: HoldNote) => writeFile(toldFile, JSON.stringify(one), { mode: 0o600 }).catch(() => undefined)
  return {
    async held(standing) {
      const why = heldText(standing)
      const said = `${standing.temporal} ${why}`
      const before = await readHoldNote(toldFile)
      const isTold = before?.said === said && before.told
      const since = before?.said.startsWith(`${standing.temporal} `) ? before.since : agent.now().toISOString()
      const about = { said, since, process: await identify(process.pid) }
      // First: a command that waits for this worker reads it, and a channel may hang.
      await note({ ...about, told: isTold })
      if (isTold) return
      const body = [
        `${why}.`,
        `Workers of ${agent.host} take no work: what was done would be done again. Databases, services and the WAL shipper go on; schedules do not.`,
        `Look at what would be decided, and decide, on ${agent.host}: ${adoptCommand}`,
        '',
        ...standingLines(standing),
      ]
      await tell(agent, log, 'critical', 'workers are held back: Temporal was lost or rolled back', body)
      await note({ ...about, told: true })
    },
    async adopted(standing, reason) {
      const body = [heldText(standing), `Adopted by ${agent.host}: ${reason}. Nothing is done again.`, '', ...standingLines(standing)]
      await tell(agent, log, 'warning', 'Temporal was lost or rolled back, and adopted', body)
    },
    over: () => rm(toldFile, { force: true }),
  }
}

/** Null where none stands there, or it cannot be read. */
export async function readHoldNote(path: string): Promise<HoldNote | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as HoldNote
  } catch {
    return null
  }
}

/** Never throws. */
async function tell(
  agent: Agent,
  log: ReturnType<typeof createLogger>,
  severity: 'warning' | 'critical',
  subject: string,
  lines: readonly string[],
): Promise<void> {
  try {
    const { config } = await agent.config(null)
    const about = { event: 'alarm', organisation: config.organisation, system: 'all systems', procedure: 'apply', run: `hold-back/${agent.host}` } as const
    const notice = { ...about, severity, subject, body: lines.join('\n'), at: agent.now().toISOString() }
    await Promise.all(
      (await agent.notifiers(config)).map(async (notifier) => {
        try {
          await within(channelSeconds, () => notifier.notify(notice), notifier.channel)
        } catch (error) {
          log.error({ channel: notifier.channel, problem: String(error) }, 'could not tell people of a Temporal that was lost or rolled back')
        }
      }),
    )
  } catch (error) {
    log.error({ problem: String(error) }, 'could not tell people of a Temporal that was lost or rolled back')
  }
}
