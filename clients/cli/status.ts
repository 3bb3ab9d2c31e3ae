/** `muster status`: one screen for everything, the worst first; every bad line names its cause and its next command. */
import { access } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Config } from '../../domain/config.ts'
import { formatDuration, formatSize } from '../../domain/durations.ts'
import { MusterError } from '../../domain/failures.ts'
import { sightingText, verdictText } from '../../domain/probes.ts'
import type { ComponentProtection, Reason } from '../../domain/protection.ts'
import { type ConfigurationView, type HostConfiguration, viewConfiguration } from '../config-view.ts'
import { type KitStatus, viewKits } from '../../repository/view-kits.ts'
import type { ProbedSystem } from '../probed.ts'
import { gatherProtection, type ReviewDue, type SystemStatus } from '../protection.ts'
import { adoptCommand, heldText } from '../standing-text.ts'
import { createPaint, type Paint } from './colour.ts'
import type { Desk } from './desk.ts'
import type { Output } from './output.ts'
import { kitItemText } from '../../domain/recovery-kit.ts'
import { shortDay, shortTime } from './times.ts'

export function addStatus(program: Command, desk: () => Desk): void {
  program
    .command('status')
    .description('what is protected and what is not, and why; exit code 0 when all is')
    .argument('[system]')
    .action(async (system: string | undefined) => {
      const { systems, behind, kits, heldBack } = await systemStatus(desk(), system ?? null)
      const areWell = systems.every(({ word, probed }) => word === 'protected' && probed?.standing !== 'lost')
      process.exitCode = areWell && behind.length === 0 && kits.every(isUsable) && heldBack === null ? 0 : 1
    })
}

export interface Status {
  readonly systems: readonly SystemStatus[]
  /** Hosts that have not said that they have the applied configuration. */
  readonly behind: readonly HostConfiguration[]
  readonly kits: readonly KitStatus[]
  /** Why workers take no work of this Temporal; null where they do, or it does not answer. */
  readonly heldBack: string | null
}

/** Prints, and gives back what was printed. @throws MusterError UnknownName | ConfigInvalid */
export async function systemStatus(desk: Desk, only: string | null): Promise<Status> {
  const { out } = desk
  const { config, whole, hash } = await desk.applied(null)
  const now = new Date()
  const kitViews = viewKits({ config: whole, controlVerifier: await desk.controlVerifier(), store: (name) => desk.store(config, name) })
  const standings = desk.standing()
  const configurations = viewConfiguration({
    config,
    verifier: await desk.verifier(),
    controlVerifier: await desk.controlVerifier(),
    store: (name) => desk.store(config, name),
    timeoutSeconds: 20,
  })
  const systems = await gatherProtection(
    {
      config,
      verifier: await desk.verifier(),
      cache: desk.cacheOf(Object.values(config.sites)[0]?.hosts[0] ?? 'localhost'),
      store: (name) => desk.store(config, name),
      shipperStatus: (host) => desk.shipperStatus(host),
      temporal: () => desk.temporal(),
      now: () => now,
      ...(hostsOf(config).length === 1 && {
        isThere: (_host: string, path: string) =>
          access(path).then(
            () => true,
            () => false,
          ),
      }),
    },
    only === null ? Object.keys(config.systems) : [known(config, only)],
  )
  const configuration = await configurations
  const behind = hostsBehind(configuration, hash)
  const kits = await kitViews
  const standing = await standings
  const heldBack = standing?.held ? heldText(standing) : null
  out.result({ at: now.toISOString(), configHash: hash, configuration, kits, systems, heldBack }, () => {
    const paint = createPaint(out)
    if (heldBack !== null) {
      out.line(`${paint.bad('HELD BACK')}   workers take no work: ${heldBack}`)
      out.line(`  → ${adoptCommand}`)
    }
    for (const system of systems) showSystem(out, paint, system, now)
    showBehind(out, paint, configuration, behind, now)
    for (const kit of kits) showKit(out, paint, kit, now)
  })
  return { systems, behind, kits, heldBack }
}

/** Where there is one host, it is this one, and what is applied here it has. */
function hostsBehind({ applied, hosts }: ConfigurationView, here: string): readonly HostConfiguration[] {
  if (hosts.length === 1 && applied?.configHash === here) return []
  return hosts.filter(({ isCurrent }) => !isCurrent)
}

function showBehind(out: Output, paint: Paint, { applied }: ConfigurationView, behind: readonly HostConfiguration[], now: Date): void {
  if (behind.length === 0) return
  out.line(`configuration ${applied?.configHash.slice(0, 12)}, applied ${shortTime(applied?.at ?? '', now)}`)
  for (const { host, taken } of behind) {
    const has = taken === null ? 'never said that it took one' : `has ${taken.configHash.slice(0, 12)}, taken ${shortTime(taken.at, now)}`
    out.line(`    ${paint.warn('!')} ${host} ${has}`)
    out.line(`      → muster worker --host ${host}   on that host; it fetches the configuration when it starts`)
  }
}

/** A store that is out is told of as a store; another one has it. */
function isUsable({ madeAt, lacks, stores }: KitStatus): boolean {
  return madeAt !== null && lacks.length === 0 && stores.length > 0
}

function isWhole({ madeAt, lacks, owed }: KitStatus): boolean {
  return madeAt !== null && lacks.length === 0 && owed.length === 0
}

/** `kit of dr     6 of 6, made Tue 04:00 (near, offsite)`: what a machine there could begin with, when everything else is gone. */
function showKit(out: Output, paint: Paint, kit: KitStatus, now: Date): void {
  const all = kit.holds.length + kit.lacks.length
  out.line(
    `kit of ${kit.site.padEnd(12)} ${kit.madeAt === null ? 'there is none' : `${kit.holds.length} of ${all}, made ${shortTime(kit.madeAt, now)}${where(kit.stores)}`}`,
  )
  if (isWhole(kit)) return
  for (const { item } of kit.lacks.slice(0, 5)) out.line(`    ${paint.warn('!')} lacks ${kitItemText(item)}`)
  for (const { store, problem } of kit.owed) out.line(`    ${paint.warn('!')} store ${store}: ${problem}`)
  out.line(`      → muster apply   where the keys and secrets are; muster doctor says what is missing and why`)
}

/** @throws MusterError UnknownName */
export function known(config: Config, system: string): string {
  if (config.systems[system]) return system
  throw new MusterError('UnknownName', `there is no system "${system}"; configured are: ${Object.keys(config.systems).join(', ')}`, {
    hint: 'run: muster status',
  })
}

function hostsOf(config: Config): readonly string[] {
  return Object.values(config.sites).flatMap(({ hosts }) => [...hosts])
}

function showSystem(out: Output, paint: Paint, system: SystemStatus, now: Date): void {
  const word =
    system.word === 'not protected'
      ? paint.bad('NOT PROTECTED')
      : system.word === 'degraded'
        ? paint.warn('degraded     ')
        : system.hasObjective
          ? paint.good('protected    ')
          : 'protected    '
  const lost = system.lostNowSeconds === null ? 'lost now: cannot be told' : `lost now ${formatDuration(system.lostNowSeconds)}`
  out.line(`${system.system.padEnd(12)} ${system.priority}   ${word}   ${lost}   ${provenText(system, now)}${system.hasObjective ? '' : '   no objective set'}`)
  for (const component of system.components) showComponent(out, paint, system, component, now)
  for (const reason of system.reasons.filter(({ component }) => component === null)) showReason(out, paint, reason, '  ')
  if (system.probed) showProbed(out, paint, system, system.probed, now)
  for (const review of system.reviewsDue) showReview(out, paint, review, now)
  for (const run of system.running) out.line(`  running     ${run.type} · ${run.phase}   → muster watch ${run.workflowId}`)
  const next = system.nextRuns.map(({ name, every, at }) => `${name} ${at === null ? every : `in ${formatDuration((Date.parse(at) - now.getTime()) / 1000)}`}`)
  if (next.length > 0) out.line(`  next        ${next.join(' · ')}`)
  for (const set of system.safetySets)
    out.line(
      `  safety set  ${set.component}, ${formatSize(set.sizeBytes)} in ${set.safetyPath}${set.except ? ` (all but ${set.except.join(', ')})` : ''} until ${shortDay(set.keepUntil, now)}   run ${set.run}`,
    )
}

/** `probed      can be reached: reached from 3 of 3 vantage points, so for 2 h   12:04`, and who sees what where it is not so. */
function showProbed(out: Output, paint: Paint, { system }: SystemStatus, probed: ProbedSystem, now: Date): void {
  const text = `${verdictText(probed)}   ${shortTime(probed.at, now)}`
  if (probed.verdict === 'reachable') return out.line(`  probed      ${text}`)
  out.line(`  probed      ${probed.verdict === 'lost' ? paint.bad(text) : paint.warn(text)}`)
  for (const one of probed.sightings) out.line(`    ${sightingText(one)}`)
  if (probed.preparedAt !== null) out.line(`    → muster failover ${system}   prepared ${shortTime(probed.preparedAt, now)}; nothing was started`)
}

function showReview(out: Output, paint: Paint, { workflowId, run, at, why }: ReviewDue, now: Date): void {
  out.line(`  ${paint.warn('!')} review due  ${workflowId}, ${shortTime(at, now)}: ${why}`)
  out.line(`    → muster audit review ${run} --note TEXT`)
}

/** `back in ~12s   last proven Tue 04:00 (drill)`: what the newest rehearsal took, and when that was. */
function provenText({ lastProven }: SystemStatus, now: Date): string {
  if (!lastProven) return 'never proven'
  const back = lastProven.rtoSeconds === null ? '' : `back in ~${formatDuration(Math.ceil(lastProven.rtoSeconds))}   `
  return `${back}last proven ${shortTime(lastProven.at, now)} (${lastProven.kind} drill)`
}

function showComponent(out: Output, paint: Paint, system: SystemStatus, component: ComponentProtection, now: Date): void {
  const head = `  ${component.component.padEnd(11)} `
  const { copies } = component
  const have = `${copies.total} ${copies.total === 1 ? 'copy' : 'copies'}${copies.offSite > 0 ? `, ${copies.offSite} off site` : ''}${copies.met ? '' : ` (${copies.missing})`}`
  if (component.type === 'postgresql') out.line(`${head}${windowText(system, component, now)}   ${have}`)
  else out.line(`${head}newest   ${component.newest ? shortTime(component.newest.startedAt, now) : 'none'}${where(component.newest?.in ?? [])}   ${have}`)
  for (const reason of system.reasons.filter((one) => one.component === component.component)) showReason(out, paint, reason, '    ')
}

function showReason(out: Output, paint: Paint, { word, text, next }: Reason, indent: string): void {
  const mark = word === 'not protected' ? paint.bad('✗') : paint.warn('!')
  out.line(`${indent}${mark} ${text}`)
  out.line(`${indent}  → ${next}`)
}

/**
 * `windows 1 Nov 02:00 → now (local, nas −12 s)`: how far back without a gap and, per store, how much later than now it ends.
 * What lies before a gap is another window, for `muster list` to show.
 */
export function windowText(
  system: Pick<SystemStatus, 'system' | 'windows'>,
  { component, lostPerStore }: Pick<ComponentProtection, 'component' | 'lostPerStore'>,
  now: Date,
): string {
  const mine = system.windows.filter((window) => window.component === component && window.inService)
  const newest = Object.keys(lostPerStore).flatMap(
    (store) =>
      mine
        .filter((window) => window.store === store)
        .sort((a, b) => (a.untilAt < b.untilAt ? -1 : 1))
        .at(-1) ?? [],
  )
  const oldest = newest.map(({ fromAt }) => fromAt).sort()[0]
  if (oldest === undefined) return 'windows  none'
  const before = mine.some(({ untilAt }) => untilAt < oldest) ? `, a gap, and before it: muster list ${system.system}` : ''
  const stores = Object.entries(lostPerStore).map(([store, seconds]) =>
    seconds === null ? `${store} none` : seconds < 1 ? store : `${store} −${formatDuration(seconds)}`,
  )
  return `windows  ${shortTime(oldest, now)} → now (${stores.join(', ')})${before}`
}

function where(stores: readonly string[]): string {
  return stores.length > 0 ? ` (${stores.join(', ')})` : ''
}
