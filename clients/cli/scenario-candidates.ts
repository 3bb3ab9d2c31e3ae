/** How one candidate is tried: by a drill of it, or by a copy that SQL is asked of. */
import { createServer } from 'node:net'
import { MusterError } from '../../domain/failures.ts'
import type { Moment, ScenarioAbout, ScenarioStep } from '../../domain/scenario/scenario.ts'
import type { DrillResult, RestoreResult } from '../../workflows/messages.ts'
import type { Desk } from './desk.ts'
import { startFor } from './start.ts'
import { follow } from './follow.ts'
import { explain } from './output.ts'
import type { Verdict } from './scenario-find.ts'

const leftover = 'a search that was interrupted may have left it: stop the server there and remove the directory; or take another: --into DIR'

/** What says that a moment is of no use: a check, or that it lies on a branch that was left. Anything else says nothing about it. */
const ofNoUse = ['CheckFailed', 'RecoveryTargetUnreachable']

/** Where damage is looked for, a copy that cannot be read or brought up is damaged. */
const damaged = [...ofNoUse, 'PageChecksum', 'RestoreFailed']

export async function drillOf(desk: Desk, { system, site }: ScenarioAbout, { input }: ScenarioStep, moment: Moment): Promise<Verdict> {
  const { to: _, ...rest } = input
  const chosen = moment.kind === 'newest' ? { ...rest, kind: 'restore' } : { ...rest, kind: 'pitr', to: { time: moment.time } }
  const handle = await startFor(desk, { type: 'drill', system, site, input: chosen, id: 'additive' })
  return verdictOf(damaged, async () => {
    const { evidence } = (await follow<DrillResult>(desk, handle)).result
    const unasked = evidence.checks.find(({ detail }) => detail.startsWith('not asked'))
    const text = evidence.checks.map(({ name, detail }) => `${name}: ${detail}`).join('; ')
    return unasked ? { holds: false, detail: `${unasked.name}: ${unasked.detail}` } : { holds: true, detail: text }
  })
}

export async function copyOf(desk: Desk, about: ScenarioAbout, { input }: ScenarioStep, moment: Moment): Promise<Verdict> {
  const { system, site, databases, probe } = about
  if (moment.kind !== 'time' || probe === null) throw new MusterError('InvalidInput', 'a copy is asked at a moment, with SQL')
  const { components, into } = input as { readonly components: readonly [string]; readonly into: { readonly directory: string } }
  const host = databases.find(({ component }) => component === components[0])?.host ?? 'localhost'
  const { config } = await desk.applied(null)
  const { directory } = into
  const asked = { ...input, to: { time: moment.time }, into: { directory, port: await freePort() } }
  const run = { type: 'recoverToPointInTime', system, site, input: asked, id: { aside: { host, directory } } } as const
  const handle = await startFor(desk, run)
  return verdictOf(ofNoUse, async () => {
    const { plan } = (await follow<RestoreResult>(desk, handle)).result
    try {
      const { ok, detail } = await desk.restoredCopies.ask({ config, system, component: components[0], directory }, probe)
      return { holds: ok, detail }
    } finally {
      await desk.restoredCopies.remove(directory, directoriesBeside(plan.decision.components[0]))
    }
  })
}

/** Tablespaces and a `pg_wal` of its own, which the copy has outside its directory. */
function directoriesBeside(one: RestoreResult['plan']['decision']['components'][number] | undefined): readonly string[] {
  if (one?.type !== 'postgresql') return []
  const tablespaces = [...one.tablespaces, ...(one.youngTablespaces ?? [])]
  return [...tablespaces.flatMap(({ path, into }) => (path === into ? [] : [into])), ...(one.walInto === undefined ? [] : [one.walInto])]
}

async function verdictOf(noUse: readonly string[], ask: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await ask()
  } catch (error) {
    const { type, message } = explain(error)
    if (type === 'TargetNotEmpty') throw new MusterError(type, message, { cause: error, hint: leftover })
    if (!noUse.includes(type)) throw error
    return { holds: false, detail: message }
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new MusterError('MusterBug', 'the system gives no free port')
  return address.port
}
