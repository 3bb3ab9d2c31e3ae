/** What the script of the small shop adds where it moves: its old side, seen or gone, and people who say it is stopped. */
import type { WorkflowHandle } from '@temporalio/client'
import type { MoveScope } from '../../activities/site/scope-move.ts'
import { failing, type Script, untilPhase } from './scripted-activities.ts'
import { database, shopRestorePlan, shopScript, uploads } from './shop-script.ts'

const base = shopScript()

/** The destination is asked for its trees too; of the old side only what serves is looked at. */
const isDestination = (input: { readonly components: readonly string[] }) => input.components.includes('uploads')

/** Its agents answer: the database runs, the web service too, the mailer does not. */
export const oldSide: Script['observeTargets'] = (input) =>
  isDestination(input)
    ? []
    : [
        {
          type: 'postgresql',
          component: 'database',
          directory: '/srv/shop/postgresql',
          content: 'database',
          running: true,
          systemIdentifier: '7412345678901234567',
          timelineId: 1,
          setAside: 'rename',
          setAsideReason: '',
          tablespaces: [],
          walDirectory: null,
          sizeBytes: 10_000_000,
          freeBytes: 900_000_000,
          memberDirectory: '/srv/shop/.muster-shop-database',
          managedBy: null,
          tailSources: [{ source: 'running server', found: true, detail: 'it will be stopped and its WAL saved' }],
        },
        { type: 'service', service: 'web', host: 'localhost', state: 'running' },
        { type: 'service', service: 'mailer', host: 'localhost', state: 'stopped' },
      ]

/** Nobody answers there. */
export const oldSideGone: Script['observeTargets'] = (input) => (isDestination(input) ? [] : failing('AgentAbsent', 'no agent took the step: observeTargets')())

/** Seen when the plan is made; then silent so many times. */
export function oldSideDying(silent: number): Script['observeTargets'] {
  let looks = 0
  return (input, attempt) => {
    if (isDestination(input)) return []
    looks += 1
    return looks > 1 && looks <= 1 + silent ? oldSideGone(input, attempt) : oldSide(input, attempt)
  }
}

export function fencedBy(...fence: MoveScope['fence']): Script['scopeMove'] {
  return async (input, attempt) => ({ ...(await base.scopeMove(input, attempt)), fence })
}

/** The plan of a move that takes a standby over. */
export const fromStandby = shopRestorePlan({ decision: { components: [{ ...database, running: false, standby: { seed: '5eed5eed' } }, uploads] } })

export function attestBy(...people: readonly string[]) {
  return async (handle: WorkflowHandle): Promise<void> => {
    await untilPhase(handle, 'fence: waiting for people')
    const plan = (await handle.describe()).memo?.['plan']
    for (const person of people) await handle.executeUpdate('attest', { args: [{ plan, person, statement: 'the power of db1 is off, I stand before it' }] })
  }
}
