/**
 * Before a worker takes any work: does this Temporal know what was done? One that was lost or rolled back would begin again
 * what has ended, or has forgotten what a person must look after. Then the process waits here, says so, and goes on by itself
 * as soon as the Temporal is adopted.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import type { Agent } from '../activities/agent.ts'
import { readNotes } from '../activities/run-notes.ts'
import { adopt } from '../clients/adopt.ts'
import { adoptCommand, heldText } from '../clients/standing-text.ts'
import type { Standing } from '../domain/adoption.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { createLogger } from '../observability/logger.ts'
import { countAdoptions } from '../repository/adoptions.ts'
import { schedulesHere, standingHere, writerHere } from './adoption.ts'
import { createHoldBackNotices } from './hold-back-notices.ts'
import type { SentBy } from './offline.ts'
import { openedHere } from './open/install.ts'
import type { Places } from './places.ts'

export interface HoldBackDeps {
  readonly places: Places
  readonly agent: Agent
  readonly client: Client
  /** One process of a site decides and tells people; agents of hosts wait. */
  readonly decides: boolean
  /** Who has said that an empty Temporal is to be used, and when; null where nobody has. */
  readonly sentBy: SentBy | null
  readonly signal: AbortSignal
}

/** The record of an adoption is looked for so often. */
const everyMs = 1500
/** Everything is looked at again so often: runs may have been ended by hand, stores may answer again. */
const wholeEveryMs = 20_000
const storeSeconds = 5
const mostDoubts = 10

/** Returns when work may be taken, or when told to stop. @throws what Temporal's client throws; MusterError of trust */
export async function holdBack(deps: HoldBackDeps): Promise<void> {
  const { agent, signal } = deps
  const log = createLogger({ room: 'hold-back', host: agent.host })
  let told = ''
  while (!signal.aborted) {
    const standing = await lookOrNull(deps, log)
    if (standing !== null && standing.unread.length > 0)
      log.warn({ unread: standing.unread, held: standing.held }, 'stores did not answer: judged from the others and from the notes of this host')
    if (standing !== null && standing.doubts.length > 0)
      log.warn(
        { doubts: standing.doubts.slice(0, mostDoubts), more: Math.max(0, standing.doubts.length - mostDoubts) },
        'what hosts under suspicion signed was not counted',
      )
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
      if (await isOursToTell(deps)) await createHoldBackNotices(agent).held(standing)
    }
    await untilSomethingChanged(deps, standing)
  }
}

/** A host without a configuration has nothing to compare with. What it cannot read here, each step will refuse by itself. */
async function lookOrNull({ places, client }: HoldBackDeps, log: Log): Promise<Standing | null> {
  try {
    return await standingHere(places, client)
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    if (error.type !== 'ConfigInvalid') log.warn({ problem: error.message, hint: error.hint }, 'could not look whether this Temporal knows what was done')
    return null
  }
}

type Log = ReturnType<typeof createLogger>

/** @returns why nobody has to be asked; null where a person has to decide */
async function whyByItself(deps: HoldBackDeps, standing: Standing): Promise<string | null> {
  const { agent, decides } = deps
  if (!decides) return null
  const sent = await whySent(deps, standing)
  if (sent !== null) return sent
  const { whole } = await agent.config(null)
  // A store that is out may have the mark of a run that was cut off; so may be what does not count.
  if (isOneSite(whole) && !standing.needsPerson && standing.unread.length + standing.doubts.length === 0)
    return 'there is one site, and no run was past its first irreversible step'
  return null
}

/**
 * A person has said to go on with an empty Temporal. That was said of the one that was empty then: one that was adopted or worked for
 * since has been put back, and after this host has worked another one was lost. Neither did anybody speak of.
 */
async function whySent({ places, agent, sentBy }: HoldBackDeps, { runs, adoptedAt, hasWorked }: Standing): Promise<string | null> {
  if (adoptedAt !== null || hasWorked || runs.some(({ todo }) => todo === 'terminate')) return null
  const [newest] = await readNotes(agent)
  if (sentBy !== null && (newest === undefined || newest.scheduledAt < sentBy.at)) return `${sentBy.by} started it with --offline`
  return newest === undefined && (await openedHere(places)) !== null ? 'this machine was set up from a store' : null
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
    // Before the record: who is interrupted here is held back again, and makes them then. Where a store was opened, schedules
    // follow the systems that are active at its site.
    const opened = (await openedHere(places)) !== null
    const schedules = opened ? [] : await schedulesHere(client, { config: applied.whole, hash: applied.hash }, writer.verifier, true)
    const { terminated } = await adopt({ client, standing, writer, by: `host ${agent.host}`, reason, lookedAt: null })
    log.warn({ reason, why: heldText(standing), terminated, schedules: schedules.map(({ id, change }) => `${change} ${id}`) }, 'adopted this Temporal')
    process.stderr.write(`adopted this Temporal: ${reason}\n`)
    await createHoldBackNotices(agent).adopted(standing, reason)
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

async function released(deps: HoldBackDeps, wasHeld: boolean, log: Log): Promise<void> {
  await createHoldBackNotices(deps.agent).over()
  if (!wasHeld) return
  log.warn({}, 'not held back any more')
  process.stderr.write('not held back any more\n')
}

async function untilSomethingChanged({ agent, signal }: HoldBackDeps, { temporal, adoptions }: Standing): Promise<void> {
  const { whole } = await agent.config(null)
  const places = Object.keys(whole.stores).map((name) => ({ name, open: () => agent.store(whole, name) }))
  for (let waited = 0; waited < wholeEveryMs && !signal.aborted; waited += everyMs) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined)
    if ((await countAdoptions({ places, secondsEach: storeSeconds }, temporal)) > adoptions) return
  }
}
