/**
 * Before a worker takes any work: does this Temporal know what was done? One that was lost or rolled back would begin again
 * what has ended, or has forgotten what a person must look after. Then the process waits here, says so, and goes on by itself
 * as soon as the Temporal is adopted.
 */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import type { Agent } from '../activities/agent.ts'
import { readNotes } from '../activities/run-notes.ts'
import { adopt } from '../clients/adopt.ts'
import { adoptCommand, heldText, standingLines } from '../clients/standing-text.ts'
import type { Standing } from '../domain/adoption.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { createLogger } from '../observability/logger.ts'
import { newestAdoption } from '../repository/adoptions.ts'
import { within } from '../repository/within.ts'
import { schedulesHere, standingHere, writerHere } from './adoption.ts'
import { openedHere } from './open/install.ts'
import type { Places } from './places.ts'

export interface HoldBackDeps {
  readonly places: Places
  readonly agent: Agent
  readonly client: Client
  /** One process of a site decides and tells people; agents of hosts wait. */
  readonly decides: boolean
  /** Who has said that this Temporal is to be used, in its first hour; null where nobody has. */
  readonly sentBy: string | null
  readonly signal: AbortSignal
}

/** The record of an adoption is looked for so often. */
const everyMs = 1500
/** Everything is looked at again so often: runs may have been ended by hand, stores may answer again. */
const wholeEveryMs = 20_000
const storeSeconds = 5
const channelSeconds = 15

/** Returns when work may be taken, or when told to stop. @throws what Temporal's client throws; MusterError of trust */
export async function holdBack(deps: HoldBackDeps): Promise<void> {
  const { agent, signal } = deps
  const log = createLogger({ room: 'hold-back', host: agent.host })
  let told = ''
  while (!signal.aborted) {
    const standing = await lookOrNull(deps)
    if (standing !== null && standing.unread.length > 0)
      log.warn({ unread: standing.unread, held: standing.held }, 'stores did not answer: judged from the others and from the notes of this host')
    if (standing === null || !standing.held) return released(deps, told !== '', log)
    const why = heldText(standing)
    const mayAdopt = await whyByItself(deps, standing)
    if (mayAdopt !== null && (await adoptByItself(deps, standing, mayAdopt, log))) continue
    if (why !== told) {
      told = why
      log.error(
        {
          why,
          runs: standing.runs.slice(0, 5).map(({ workflowId, runId, finding }) => ({ workflowId, runId, finding })),
          next: `${adoptCommand}, on this host`,
        },
        'held back',
      )
      process.stderr.write(`held back: ${why}\n  → ${adoptCommand}   on this host\n`)
      if (await isOursToTell(deps)) await alarmOnce(deps, standing, why, log)
    }
    await untilSomethingChanged(deps, standing)
  }
}

/** A host without a configuration has nothing to compare with: it waits for one, as ever. */
async function lookOrNull({ places, client }: HoldBackDeps): Promise<Standing | null> {
  try {
    return await standingHere(places, client)
  } catch (error) {
    if (error instanceof MusterError && ['ConfigInvalid', 'KeyNotTrusted', 'ObjectMissing'].includes(error.type)) return null
    throw error
  }
}

type Log = ReturnType<typeof createLogger>

/** @returns why nobody has to be asked; null where a person has to decide */
async function whyByItself({ places, agent, decides, sentBy }: HoldBackDeps, standing: Standing): Promise<string | null> {
  if (!decides) return null
  const { whole } = await agent.config(null)
  const repeats = standing.runs.some(({ todo }) => todo === 'terminate')
  if (sentBy !== null && !repeats) return `${sentBy} started it with --offline`
  if ((await openedHere(places)) !== null && !repeats && (await readNotes(agent)).length === 0) return 'this machine was set up from a store'
  if (isOneSite(whole) && !standing.needsPerson) return 'there is one site, and no run was past its first irreversible step'
  return null
}

/** A site without hosts is where a store stands. */
function isOneSite({ sites }: Config): boolean {
  return Object.values(sites).filter(({ hosts }) => hosts.length > 0).length < 2
}

/** @returns whether it is adopted; not so where no store takes the record */
async function adoptByItself(deps: HoldBackDeps, standing: Standing, reason: string, log: Log): Promise<boolean> {
  const { places, agent, client } = deps
  try {
    const applied = await agent.config(null)
    const writer = await writerHere(places, applied.whole)
    const lookedAt = standing.runs.map(({ runId }) => runId)
    const { terminated } = await adopt({ client, standing, writer, by: `host ${agent.host}`, reason, lookedAt })
    // Where a store was opened, schedules follow the systems that are active at its site.
    const opened = (await openedHere(places)) !== null
    const schedules = opened ? [] : await schedulesHere(client, { config: applied.whole, hash: applied.hash }, writer.verifier, true)
    log.warn({ reason, why: heldText(standing), terminated, schedules: schedules.map(({ id, change }) => `${change} ${id}`) }, 'adopted this Temporal')
    process.stderr.write(`adopted this Temporal: ${reason}\n`)
    const body = [heldText(standing), `Adopted by ${agent.host}: ${reason}. Nothing is done again.`, '', ...standingLines(standing)].join('\n')
    await tell(deps, { event: 'alarm', severity: 'warning', subject: 'Temporal was lost or rolled back, and adopted', body }, log)
    return true
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    log.warn({ problem: error.message }, 'could not adopt this Temporal; it is tried again')
    return false
  }
}

/** What every worker finds in the stores one of a site tells; what only the notes of a host show is told from there. */
async function isOursToTell({ places, client, decides }: HoldBackDeps): Promise<boolean> {
  return decides || !(await standingHere(places, client, { withNotes: false })).held
}

/** The agent may be started again and again by its supervisor: people hear of one Temporal once. */
async function alarmOnce(deps: HoldBackDeps, standing: Standing, why: string, log: Log): Promise<void> {
  const before = await readFile(heldFile(deps), 'utf8').catch(() => '')
  const said = `${standing.temporal} ${why}`
  if (before.includes(said)) return
  const body = [
    `${why}.`,
    `Workers of ${deps.agent.host} take no work: what was done would be done again. Databases, services and the WAL shipper go on; schedules do not.`,
    `Look at what would be decided, and decide, on ${deps.agent.host}: ${adoptCommand}`,
    '',
    ...standingLines(standing),
  ].join('\n')
  await tell(deps, { event: 'alarm', severity: 'critical', subject: 'workers are held back: Temporal was lost or rolled back', body }, log)
  await writeFile(heldFile(deps), JSON.stringify({ said, since: deps.agent.now().toISOString() }), { mode: 0o600 }).catch(() => undefined)
}

function heldFile({ agent }: HoldBackDeps): string {
  return join(agent.hostDirectory, 'held-back.json')
}

async function released(deps: HoldBackDeps, wasHeld: boolean, log: Log): Promise<void> {
  await rm(heldFile(deps), { force: true })
  if (!wasHeld) return
  log.warn({}, 'not held back any more')
  process.stderr.write('not held back any more\n')
}

interface Told {
  readonly event: 'alarm'
  readonly severity: 'warning' | 'critical'
  readonly subject: string
  readonly body: string
}

/** Never throws. */
async function tell({ agent }: HoldBackDeps, told: Told, log: Log): Promise<void> {
  try {
    const { config } = await agent.config(null)
    const about = {
      organisation: config.organisation,
      system: 'all systems',
      procedure: 'apply',
      run: `hold-back/${agent.host}`,
      at: agent.now().toISOString(),
    }
    await Promise.all(
      (await agent.notifiers(config)).map(async (notifier) => {
        try {
          await within(channelSeconds, () => notifier.notify({ ...about, ...told }), notifier.channel)
        } catch (error) {
          log.error({ channel: notifier.channel, problem: String(error) }, 'could not tell people of a Temporal that was lost or rolled back')
        }
      }),
    )
  } catch (error) {
    log.error({ problem: String(error) }, 'could not tell people of a Temporal that was lost or rolled back')
  }
}

async function untilSomethingChanged({ agent, signal }: HoldBackDeps, { temporal, adoptedAt }: Standing): Promise<void> {
  const { whole } = await agent.config(null)
  const places = Object.keys(whole.stores).map((name) => ({ name, open: () => agent.store(whole, name) }))
  const deps = { places, verifier: await agent.verifier(whole), secondsEach: storeSeconds }
  for (let waited = 0; waited < wholeEveryMs && !signal.aborted; waited += everyMs) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined)
    if (((await newestAdoption(deps, temporal))?.until ?? null) !== adoptedAt) return
  }
}
