/**
 * Three machines as network namespaces: two sites and a third place, joined by a bridge in the third. The host's own network
 * is not touched. Cutting a site off takes down its port at the bridge: nothing comes through, and nobody is told.
 */
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { SiteName } from './places.ts'
import { cloneId } from './places.ts'

export type Machine = SiteName | 'third'

export const machines: readonly Machine[] = ['primary', 'dr', 'third']
export const addresses: Readonly<Record<Machine, string>> = { primary: '10.89.0.1', dr: '10.89.0.2', third: '10.89.0.3' }
export const network = '10.89.0.0/24'

const folder = '/run/netns'

export function namespaceOf(machine: Machine): string {
  return `muster-${cloneId()}-${machine}`
}

/** Words before a program that runs on that machine. */
export function on(machine: Machine): readonly [string, string, string] {
  return ['nsenter', `--net=${folder}/${namespaceOf(machine)}`, '--']
}

export async function createNetwork(): Promise<void> {
  for (const machine of machines) {
    await ip('netns', 'add', namespaceOf(machine))
    await ip('-n', namespaceOf(machine), 'link', 'set', 'lo', 'up')
  }
  const third = namespaceOf('third')
  await ip('-n', third, 'link', 'add', 'bridge', 'type', 'bridge')
  await ip('-n', third, 'addr', 'add', `${addresses.third}/24`, 'dev', 'bridge')
  await ip('-n', third, 'link', 'set', 'bridge', 'up')
  for (const site of ['primary', 'dr'] as const) {
    const name = namespaceOf(site)
    await ip('link', 'add', portOf(site), 'netns', third, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    await ip('-n', third, 'link', 'set', portOf(site), 'master', 'bridge')
    await ip('-n', third, 'link', 'set', portOf(site), 'up')
    await ip('-n', name, 'addr', 'add', `${addresses[site]}/24`, 'dev', 'eth0')
    await ip('-n', name, 'link', 'set', 'eth0', 'up')
  }
}

export async function cutLink(site: SiteName): Promise<void> {
  await ip('-n', namespaceOf('third'), 'link', 'set', portOf(site), 'down')
}

export async function healLink(site: SiteName): Promise<void> {
  await ip('-n', namespaceOf('third'), 'link', 'set', portOf(site), 'up')
}

function portOf(site: SiteName): string {
  return `to-${site}`
}

/** Kills all that runs there, at once and without a word, as a power cut does. @returns how many processes that were */
export async function killMachine(machine: Machine): Promise<number> {
  const killed = new Set<number>()
  for (let calm = 0; calm < 2; await sleep(20)) {
    const found = processesOn(machine)
    calm = found.length === 0 ? calm + 1 : 0
    for (const pid of found) {
      killed.add(pid)
      end(pid)
    }
  }
  return killed.size
}

/** Ends what an earlier run left too, whose marks are its namespaces. */
export async function removeNetwork(): Promise<void> {
  for (const machine of machines) {
    if (!(await readdir(folder).catch(() => [] as string[])).includes(namespaceOf(machine))) continue
    await killMachine(machine)
    // What a mount namespace that is gone had mounted there is a file and no namespace any more.
    await ip('netns', 'delete', namespaceOf(machine)).catch(() => rm(`${folder}/${namespaceOf(machine)}`, { force: true }))
  }
}

function processesOn(machine: Machine): readonly number[] {
  const { ino } = statSync(`${folder}/${namespaceOf(machine)}`)
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.filter((pid) => pid !== process.pid && networkOf(pid) === `net:[${ino}]`)
}

function networkOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    // It has ended meanwhile.
    return null
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function ip(...words: readonly string[]): Promise<void> {
  await runTool('ip', words, { timeoutSeconds: 10 })
}
