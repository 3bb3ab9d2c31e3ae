/**
 * One backup of a component at a time on its host. The lock is a lease, kept alive by the
 * progress of whoever holds it: enough for additive work, and never used for destructive work,
 * which has epochs.
 */
import { link, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../domain/failures.ts'
import type { Agent } from '../agent.ts'

export interface LockHolder {
  readonly run: string
  readonly workflowId: string
  readonly since: string
}

type Host = Pick<Agent, 'hostDirectory' | 'now'>

function lockPath(agent: Host, system: string, component: string): string {
  return join(agent.hostDirectory, 'locks', `backup-${system}-${component}.json`)
}

/** Takes or renews the lock for a run. @throws MusterError LockHeld naming the holder */
export async function holdComponent(agent: Host, system: string, component: string, holder: Omit<LockHolder, 'since'>, leaseSeconds: number): Promise<void> {
  const path = lockPath(agent, system, component)
  await mkdir(join(agent.hostDirectory, 'locks'), { recursive: true, mode: 0o700 })
  const text = JSON.stringify({ ...holder, since: agent.now().toISOString() })
  try {
    return await writeWhole(path, holder.run, text, link)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const held = await readHolder(path)
  const facts = await stat(path).catch(() => null)
  const alive = facts !== null && agent.now().getTime() - facts.mtimeMs < leaseSeconds * 1000
  if (alive && held.run !== holder.run) {
    throw new MusterError(
      'LockHeld',
      `run ${held.run ?? 'unknown'} (${held.workflowId ?? 'unknown'}) is backing up ${system}/${component} since ${held.since ?? 'a moment ago'}`,
    )
  }
  if (held.run !== holder.run) await writeWhole(path, holder.run, text, rename)
  await keepHold(agent, system, component)
}

/** At once: whoever is killed while it writes leaves no lock that nobody can read. */
async function writeWhole(path: string, run: string, text: string, place: (from: string, to: string) => Promise<void>): Promise<void> {
  const next = `${path}.${run}`
  try {
    await writeFile(next, text, { mode: 0o600 })
    await place(next, path)
  } finally {
    await rm(next, { force: true })
  }
}

/** One that cannot be read, as after a loss of power, is held by nobody known until its lease has passed. */
async function readHolder(path: string): Promise<Partial<LockHolder>> {
  const text = await readFile(path, 'utf8').catch(() => '{}')
  try {
    return JSON.parse(text) as Partial<LockHolder>
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return {}
  }
}

/** Renews the lease; called with every progress. */
export async function keepHold(agent: Host, system: string, component: string): Promise<void> {
  const now = agent.now()
  await utimes(lockPath(agent, system, component), now, now).catch(() => {})
}

export async function releaseHold(agent: Host, system: string, component: string, run: string): Promise<void> {
  const path = lockPath(agent, system, component)
  const held = await readHolder(path)
  if (held.run === run) await rm(path, { force: true })
}

/**
 * Gives back what runs hold that will never give it back: they ended without a clean-up, or Temporal has lost them. Called while
 * this host takes no work.
 * @returns workflow ids of those runs
 */
export async function releaseEnded(agent: Host, goesOn: (holder: Partial<LockHolder>) => Promise<boolean>): Promise<readonly string[]> {
  const folder = join(agent.hostDirectory, 'locks')
  const names = (await readdir(folder).catch(() => [] as string[])).filter((name) => name.endsWith('.json'))
  const released: string[] = []
  for (const name of names) {
    const holder = await readHolder(join(folder, name))
    if (holder.run === undefined || (await goesOn(holder))) continue
    await rm(join(folder, name), { force: true })
    released.push(holder.workflowId ?? 'unknown')
  }
  return released
}
