/** What a scenario begins with, from the stores alone: when a site is lost, Temporal and agents may be too. */
import { siteOfSystem } from '../../domain/copies.ts'
import type { Scenario, ScenarioAbout, ScenarioStep } from '../../domain/scenario/scenario.ts'
import { sitesOf } from '../../domain/placement.ts'
import { secondsBetween } from '../../domain/times.ts'
import type { Desk } from './desk.ts'
import { listSystem, type SystemListing } from './list.ts'
import { known } from './status.ts'

export interface ScenarioFacts {
  readonly at: string
  readonly activeSite: string
  readonly otherSite: string | null
  readonly components: readonly ComponentFacts[]
  readonly storesOut: SystemListing['storesOut']
  /** At most so much is missing afterwards, of the component that loses most; null where it cannot be told yet. */
  readonly lossSeconds: number | null
  readonly loss: string
}

export interface ComponentFacts {
  readonly component: string
  readonly type: string
  /** Of the life in service; null of a tree, and where there is none. */
  readonly window: { readonly fromAt: string; readonly untilAt: string } | null
  /** Newest backup that is whole. */
  readonly newestBackup: { readonly backup: string; readonly endedAt: string; readonly stores: readonly string[] } | null
}

export type SystemAbout = Pick<ScenarioAbout, 'system' | 'site' | 'home' | 'otherSite' | 'databases' | 'trees'>

/** @throws MusterError UnknownName | ConfigInvalid */
export async function aboutSystem(desk: Desk, system: string): Promise<SystemAbout> {
  const { config, whole } = await desk.applied(null)
  const components = Object.entries(config.systems[known(config, system)]?.components ?? {})
  const site = siteOfSystem(config, system)
  return {
    system,
    site,
    home: siteOfSystem(whole, system),
    otherSite: sitesOf(whole, system).find((one) => one !== site) ?? null,
    databases: components.flatMap(([component, one]) =>
      one.type === 'postgresql'
        ? [
            {
              component,
              host: one.host,
              dataDirectory: one.dataDirectory,
              user: one.connection.user,
              database: one.connection.database,
              checks: one.checks.length,
            },
          ]
        : [],
    ),
    trees: components.flatMap(([component, one]) => (one.type === 'files' ? [component] : [])),
  }
}

/** @param left the steps that are still to be done */
export async function factsFor(desk: Desk, scenario: Scenario, about: ScenarioAbout, left: readonly ScenarioStep[]): Promise<ScenarioFacts> {
  const listing = await listSystem(desk, about.system)
  const at = new Date().toISOString()
  const facts = listing.components.map(factsOf)
  const named = left.flatMap(({ input }) => (input['components'] as readonly string[] | undefined) ?? [])
  const brought = facts.filter(({ component }) => named.length === 0 || named.includes(component))
  const loss = left.every(({ procedure }) => losesNothing.includes(procedure)) ? { loss: 'nothing', lossSeconds: 0 } : lossOf(scenario, about, brought, at)
  return { at, activeSite: about.site, otherSite: about.otherSite, components: facts, storesOut: listing.storesOut, ...loss }
}

/** A planned move brings the tail along; the others change nothing in service. */
const losesNothing: readonly string[] = ['failback', 'drill', 'archiveWal']

function factsOf({ component, type, backups, windows, incarnations }: SystemListing['components'][number]): ComponentFacts {
  const inService = incarnations.find((one) => one.inService)?.incarnation
  const mine = windows.filter(({ incarnation }) => incarnation === inService)
  const untilAt = mine
    .map((one) => one.untilAt)
    .sort()
    .at(-1)
  const newest = backups.find(({ state }) => state === 'valid')
  return {
    component,
    type,
    // Where gaps cut it into several, the newest piece.
    window:
      untilAt === undefined
        ? null
        : {
            fromAt: mine
              .filter((one) => one.untilAt === untilAt)
              .map(({ fromAt }) => fromAt)
              .sort()[0] as string,
            untilAt,
          },
    newestBackup: newest ? { backup: newest.backup, endedAt: newest.endedAt, stores: newest.stores } : null,
  }
}

function lossOf(
  { lossFrom }: Scenario,
  { at: happened, moment }: ScenarioAbout,
  components: readonly ComponentFacts[],
  now: string,
): Pick<ScenarioFacts, 'loss' | 'lossSeconds'> {
  const time = moment?.kind === 'time' ? moment.time : happened
  if (lossFrom === 'moment' && time !== null)
    return { loss: `what was committed or written since ${time}: it is set aside, not in service`, lossSeconds: secondsBetween(time, now) }
  const ends = components.flatMap(({ component, window, newestBackup }) => {
    const end = window?.untilAt ?? newestBackup?.endedAt
    return end === undefined ? [] : [{ component, end, seconds: Math.max(0, secondsBetween(end, now)) }]
  })
  const [worst] = ends.sort((a, b) => b.seconds - a.seconds)
  if (!worst) return { loss: 'cannot be told: nothing is in a store', lossSeconds: null }
  const parts = ends.map(({ component, end }) => `${component}: what is newer than ${end}`)
  const text = lossFrom === 'newest' ? parts.join('; ') : `at least ${parts.join('; ')}; more where an older moment is the last good one`
  return { loss: text, lossSeconds: worst.seconds }
}
