/** `muster status`: one screen for everything, the worst first; every bad line names its cause and its next command. */
import { access } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Config } from '../../domain/config.ts'
import { formatDuration, formatSize } from '../../domain/durations.ts'
import { MusterError } from '../../domain/failures.ts'
import type { ComponentProtection, Reason } from '../../domain/protection.ts'
import { gatherProtection, type SystemStatus } from '../protection.ts'
import { createPaint, type Paint } from './colour.ts'
import type { Desk } from './desk.ts'
import type { Output } from './output.ts'
import { shortDay, shortTime } from './times.ts'

export function addStatus(program: Command, desk: () => Desk): void {
  program
    .command('status')
    .description('what is protected and what is not, and why; exit code 0 when all is')
    .argument('[system]')
    .action(async (system: string | undefined) => {
      const found = await systemStatus(desk(), system ?? null)
      process.exitCode = found.every(({ word }) => word === 'protected') ? 0 : 1
    })
}

/** Prints, and gives back what was printed. @throws MusterError UnknownName | ConfigInvalid */
export async function systemStatus(desk: Desk, only: string | null): Promise<readonly SystemStatus[]> {
  const { out } = desk
  const { config, hash } = await desk.applied(null)
  const now = new Date()
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
  out.result({ at: now.toISOString(), configHash: hash, systems }, () => {
    const paint = createPaint(out)
    for (const system of systems) showSystem(out, paint, system, now)
  })
  return systems
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
  out.line(`${system.system.padEnd(12)} ${system.priority}   ${word}   ${lost}${system.hasObjective ? '' : '   no objective set'}`)
  for (const component of system.components) showComponent(out, paint, system, component, now)
  for (const reason of system.reasons.filter(({ component }) => component === null)) showReason(out, paint, reason, '  ')
  for (const run of system.running) out.line(`  running     ${run.type} · ${run.phase}   → muster watch ${run.workflowId}`)
  const next = system.nextRuns.map(({ name, every, at }) => `${name} ${at === null ? every : `in ${formatDuration((Date.parse(at) - now.getTime()) / 1000)}`}`)
  if (next.length > 0) out.line(`  next        ${next.join(' · ')}`)
  for (const set of system.safetySets)
    out.line(`  safety set  ${set.component}, ${formatSize(set.sizeBytes)} in ${set.safetyPath} until ${shortDay(set.keepUntil, now)}   run ${set.run}`)
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

/** `windows 1 Nov 02:00 → now (local, nas −12 s)`: how far back and, per store, how much later than now it ends. */
function windowText(system: SystemStatus, { component, lostPerStore }: ComponentProtection, now: Date): string {
  const mine = system.windows.filter((window) => window.component === component && window.inService)
  const oldest = mine.map(({ fromAt }) => fromAt).sort()[0]
  if (oldest === undefined) return 'windows  none'
  const stores = Object.entries(lostPerStore).map(([store, seconds]) =>
    seconds === null ? `${store} none` : seconds < 1 ? store : `${store} −${formatDuration(seconds)}`,
  )
  return `windows  ${shortTime(oldest, now)} → now (${stores.join(', ')})`
}

function where(stores: readonly string[]): string {
  return stores.length > 0 ? ` (${stores.join(', ')})` : ''
}
