/** What a person would look at after a run: the old data, what is left over, what was published. */
import { access, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quarantineOf } from '../../../activities/host/restore/places.ts'
import { processesUsing } from '../../../adapters/process/find-processes.ts'
import type { FaultRig } from './rig.ts'

export const stores = ['local', 'nas'] as const
export const components = ['database', 'uploads'] as const

/** Where a mark is found now: in place, or in a safety set. */
export async function findMark(member: string, name: string): Promise<string[]> {
  const found: string[] = []
  const places = [member, ...(await safetySetsOf(member))]
  for (const place of places)
    if ((await readFile(join(place, `mark-${name}`), 'utf8').catch(() => '')) === name) found.push(place === member ? 'in place' : 'safety set')
  return found
}

async function safetySetsOf(member: string): Promise<readonly string[]> {
  const work = workDirectoryOf(member)
  const names = await readdir(work).catch(() => [] as string[])
  return names.filter((name) => name.startsWith('safety-')).map((name) => join(work, name))
}

/** Each member of the system stands in a directory of its own, so there is one work directory beside it. */
export function workDirectoryOf(member: string): string {
  return join(member, '..', /uploads(-there)?$/.test(member) ? '.muster-shop-uploads' : '.muster-shop-database')
}

/** Old safety sets would fill the disk of a long sweep. */
export async function dropSafetySets(member: string, keep: readonly string[] = []): Promise<void> {
  for (const path of await safetySetsOf(member)) if (!keep.includes(path)) await rm(path, { recursive: true, force: true })
}

/** All that a frozen attempt could still change: trees whole, of the database what is where and which server serves it. */
export async function snapshotOf({ cluster, uploads, rig }: FaultRig): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = { service: await readFile(join(rig.base, 'service.state'), 'utf8') }
  for (const member of [cluster.directory, uploads]) {
    const { ino, mode, uid } = await stat(member)
    found[member] = `${ino} ${mode.toString(8)} ${uid}`
    const work = workDirectoryOf(member)
    for (const name of await readdir(work)) found[join(work, name)] = name.startsWith('journal') ? '' : String((await stat(join(work, name))).ino)
  }
  for (const name of await readdir(uploads)) found[join(uploads, name)] = await readFile(join(uploads, name), 'utf8')
  found['server'] = (await readFile(join(cluster.directory, 'postmaster.pid'), 'utf8')).split('\n')[0] ?? ''
  return found
}

/** What no ended run may leave: restored copies, fetched WAL, half a swap, quarantined servers, staged files. */
export function leftoversOf({ cluster, uploads, rig }: FaultRig): Promise<string[]> {
  return leftoversBeside([cluster.directory, uploads], join(rig.places.home, 'hosts', 'localhost'))
}

/** @param members the database first */
export async function leftoversBeside(members: readonly string[], hostDirectory: string): Promise<string[]> {
  const found: string[] = []
  for (const member of members) {
    const work = workDirectoryOf(member)
    const names = await readdir(work).catch(() => [] as string[])
    found.push(...names.filter((name) => !/^(epoch-\d{6}|journal\.jsonl|safety-[0-9a-f]{8})$/.test(name)).map((name) => join(work, name)))
    const epochs = names.filter((name) => name.startsWith('epoch-'))
    if (epochs.length > 1) found.push(`${epochs.length} epochs in ${work}`)
    for (const epoch of epochs) {
      const inside = await readdir(join(work, epoch))
      found.push(...inside.filter((name) => !/^(claim|run|phase)(\.new)?$/.test(name)).map((name) => join(work, epoch, name)))
    }
    for (const { pid, command } of await processesUsing(work)) {
      // A frozen worker may have been frozen with a file open; what it does with it is looked at when it goes on.
      if (!(await isFrozen(pid))) found.push(`process ${pid} (${command}) uses ${work}`)
    }
  }
  const staging = join(hostDirectory, 'staging')
  found.push(...(await readdir(staging).catch(() => [] as string[])).map((name) => join(staging, name)))
  found.push(...(await socketDirectoryOf(members[0] as string)))
  return found
}

async function isFrozen(pid: number): Promise<boolean> {
  return /^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''))
}

async function socketDirectoryOf(member: string): Promise<string[]> {
  const { socketDirectory } = quarantineOf({ workDirectory: workDirectoryOf(member), path: member, method: 'rename', reason: '' }, member)
  if (!socketDirectory.startsWith(tmpdir())) return []
  return access(socketDirectory).then(
    () => [socketDirectory],
    () => [],
  )
}

/** One published manifest per store and component, the same everywhere. @returns what is otherwise */
export async function publishedPerStore(faults: FaultRig, runId: string): Promise<string[]> {
  const problems: string[] = []
  for (const component of components) {
    const published = await Promise.all(stores.map((store) => publishedBy(faults, store, component, runId)))
    const [first] = published
    const right = first?.length === 1 && published.every((one) => one.length === 1 && one[0] === first[0])
    if (!right) problems.push(`published of ${component}: ${stores.map((store, index) => `${store} ${published[index]?.join('+') || 'nothing'}`).join(', ')}`)
  }
  return problems
}

async function publishedBy({ rig }: FaultRig, store: string, component: string, runId: string): Promise<string[]> {
  const folder = join(rig.base, 'stores', store, 'backups', 'shop', component)
  const published: string[] = []
  for (const name of await readdir(folder).catch(() => [] as string[])) {
    const isOfRun = name.includes(`-${runId.replaceAll('-', '').slice(-8)}-`)
    if (isOfRun && (await readdir(join(folder, name))).includes('manifest.json')) published.push(name)
  }
  return published
}

/** Copies of backups in a store that were never finished; of WAL one may be under way. */
export async function unfinishedIn({ rig }: FaultRig, store: string): Promise<string[]> {
  const names = await readdir(join(rig.base, 'stores', store, '.muster-tmp')).catch(() => [] as string[])
  return names.filter((name) => name.startsWith('backups='))
}

/** Backups of a store that were not published, and of which there is still something. */
export async function unpublishedIn({ rig }: FaultRig, store: string): Promise<string[]> {
  const root = join(rig.base, 'stores', store)
  const found: string[] = []
  for (const component of components) {
    const folder = join(root, 'backups', 'shop', component)
    for (const name of await readdir(folder).catch(() => [] as string[])) {
      const inside = await readdir(join(folder, name), { recursive: true, withFileTypes: true })
      if (inside.some((one) => one.isFile()) && !inside.some((one) => one.name === 'manifest.json')) found.push(join(folder, name))
    }
  }
  return found
}
