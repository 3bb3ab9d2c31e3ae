/** `muster list`: what there is to come back to: backups, incarnations, recoverable windows and named points. */
import type { Command } from 'commander'
import type { Config } from '../../domain/config.ts'
import type { ControlState } from '../../domain/control-state.ts'
import { formatSize } from '../../domain/durations.ts'
import { backupsOf } from '../../repository/observe-system.ts'
import { readState } from '../../repository/records-view.ts'
import { currentOf, type StoreView, type StoreViewDeps, type TimedWindow, viewStores } from '../../repository/store-view.ts'
import type { Desk } from './desk.ts'
import type { Output } from './output.ts'
import { known } from './status.ts'
import { shortTime } from './times.ts'

export interface SystemListing {
  readonly system: string
  readonly components: readonly ComponentListing[]
  readonly storesOut: readonly { readonly store: string; readonly problem: string }[]
  readonly recordsProblem: string | null
}

interface ComponentListing {
  readonly component: string
  readonly type: string
  /** Newest first. */
  readonly backups: readonly ListedBackup[]
  readonly incarnations: readonly (ControlState['incarnations'][number] & { readonly inService: boolean })[]
  readonly windows: readonly (TimedWindow & { readonly store: string })[]
  readonly namedPoints: ControlState['restorePoints']
  readonly gaps: ControlState['gaps']
}

interface ListedBackup {
  readonly backup: string
  readonly kind: string
  readonly startedAt: string
  readonly endedAt: string
  readonly sizeBytes: number
  readonly stores: readonly string[]
  /** `unpublished`: an attempt that died, or is still running. */
  readonly state: 'valid' | 'damaged' | 'unpublished'
  readonly problems: readonly string[]
}

export function addList(program: Command, desk: () => Desk): void {
  program
    .command('list')
    .description('what there is to come back to: backups, windows, named points')
    .argument('<system>')
    .action(async (system: string) => {
      const { out } = desk()
      const listing = await listSystem(desk(), system)
      out.result(listing, () => showListing(out, listing, new Date()))
    })
}

/** @throws MusterError UnknownName | ConfigInvalid; a store that does not answer is in the result */
export async function listSystem(desk: Desk, system: string): Promise<SystemListing> {
  const { config } = await desk.applied(null)
  const deps = await storeViewDeps(desk, config)
  const { state, problem } = await readState(deps, known(config, system))
  const views = await viewStores(deps, system, state)
  return {
    system,
    components: Object.entries(config.systems[system]?.components ?? {}).map(([component, { type }]) => listComponent(component, type, views, state)),
    storesOut: views.flatMap(({ store, trouble }) => (trouble ? [{ store, problem: trouble.message }] : [])),
    recordsProblem: problem,
  }
}

export async function storeViewDeps(desk: Desk, config: Config): Promise<StoreViewDeps> {
  return {
    config,
    verifier: await desk.verifier(),
    cache: desk.cacheOf(Object.values(config.sites)[0]?.hosts[0] ?? 'localhost'),
    store: (name) => desk.store(config, name),
    timeoutSeconds: 60,
  }
}

function listComponent(component: string, type: string, views: readonly StoreView[], state: ControlState): ComponentListing {
  const published = backupsOf(views, component).map(
    ({ manifest, in: whole, damagedIn, ...one }): ListedBackup => ({
      backup: one.backup,
      kind: manifest.kind,
      startedAt: one.startedAt,
      endedAt: one.endedAt,
      sizeBytes: one.sizeBytes,
      stores: whole,
      state: damagedIn.length > 0 ? 'damaged' : 'valid',
      problems: damagedIn.map(({ store, problem }) => `${store}: ${problem}`),
    }),
  )
  const unpublished = views.flatMap(({ store, catalog }) =>
    (catalog?.unpublished ?? []).flatMap((one): ListedBackup[] =>
      one.component === component
        ? [
            {
              backup: one.backup,
              kind: kindOf(one.backup),
              startedAt: one.newestAt,
              endedAt: one.newestAt,
              sizeBytes: 0,
              stores: [store],
              state: 'unpublished',
              problems: [`${one.keys.length} objects without a manifest`],
            },
          ]
        : [],
    ),
  )
  const current = currentOf(state, component)
  return {
    component,
    type,
    backups: [...published, ...unpublished].sort((a, b) => (a.backup < b.backup ? 1 : -1)),
    incarnations: state.incarnations.flatMap((one) => (one.component === component ? [{ ...one, inService: one.incarnation === current }] : [])),
    windows: views.flatMap(({ store, databases }) =>
      databases.flatMap((one) => (one.component === component ? one.windows.map((window) => ({ store, ...window })) : [])),
    ),
    namedPoints: state.restorePoints.filter((point) => point.component === component),
    gaps: state.gaps.filter((gap) => gap.component === component),
  }
}

function kindOf(backup: string): string {
  return backup.split('-')[1] ?? 'full'
}

function showListing(out: Output, listing: SystemListing, now: Date): void {
  for (const one of listing.components) {
    out.line(`${listing.system}/${one.component}   ${one.type}`)
    if (one.backups.length === 0) out.line('  no backups')
    for (const backup of one.backups) {
      out.line(
        `  ${backup.backup}   ${backup.kind.padEnd(6)} ${shortTime(backup.startedAt, now).padStart(14)}  ${formatSize(backup.sizeBytes).padStart(7)}  ${backup.stores.join(', ') || '–'}   ${backup.state}`,
      )
      for (const problem of backup.problems) out.line(`      ${problem}`)
    }
    if (one.windows.length > 0) out.line('  windows, per store')
    for (const window of one.windows) {
      out.line(
        `    ${window.store.padEnd(10)} ${window.fromAt} → ${window.untilAt}   ${window.fromLsn} → ${window.untilLsn}   incarnation ${window.incarnation}`,
      )
    }
    for (const gap of one.gaps) out.line(`    gap        ${gap.afterLsn} → ${gap.beforeLsn}   incarnation ${gap.incarnation}: ${gap.reason}`)
    if (one.incarnations.length > 0) out.line('  incarnations')
    for (const life of one.incarnations) {
      const from = life.parent === null ? '' : `   left ${life.parent} at ${life.forkLsn}${life.forkAt === null ? '' : ` (${life.forkAt})`}`
      out.line(`    ${life.incarnation}   timeline ${life.timelineId}   since ${life.registeredAt}${life.inService ? '   in service' : ''}${from}`)
    }
    if (one.namedPoints.length > 0) out.line('  named points')
    for (const point of one.namedPoints) out.line(`    ${point.name}   ${point.at}   ${point.lsn}   incarnation ${point.incarnation}`)
    out.line()
  }
  for (const { store, problem } of listing.storesOut) out.line(`${store} does not answer: ${problem}\n  → muster doctor ${listing.system}`)
  if (listing.recordsProblem !== null) out.line(`the control records cannot be believed: ${listing.recordsProblem}\n  → muster doctor ${listing.system}`)
}
