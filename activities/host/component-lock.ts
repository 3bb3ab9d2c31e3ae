/**
 * One backup of a component at a time on its host. The lock is a lease, kept alive by the
 * progress of whoever holds it: enough for additive work, and never used for destructive work,
 * which has epochs.
 */
import { mkdir, open, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../domain/failures.ts'
import type { Agent } from '../agent.ts'

export interface LockHolder {
  readonly run: string
  readonly workflowId: string
  readonly since: string
}

function lockPath(agent: Agent, system: string, component: string): string {
  return join(agent.hostDirectory, 'locks', `backup-${system}-${component}.json`)
}

/** Takes or renews the lock for a run. @throws MusterError LockHeld naming the holder */
export async function holdComponent(agent: Agent, system: string, component: string, holder: Omit<LockHolder, 'since'>, leaseSeconds: number): Promise<void> {
  const path = lockPath(agent, system, component)
  await mkdir(join(agent.hostDirectory, 'locks'), { recursive: true, mode: 0o700 })
  const text = JSON.stringify({ ...holder, since: agent.now().toISOString() })
  try {
    const handle = await open(path, 'wx', 0o600)
    try {
      await handle.writeFile(text)
    } finally {
      await handle.close()
    }
    return
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const held = JSON.parse(await readFile(path, 'utf8').catch(() => '{}')) as Partial<LockHolder>
  const facts = await stat(path).catch(() => null)
  const alive = facts !== null && agent.now().getTime() - facts.mtimeMs < leaseSeconds * 1000
  if (alive && held.run !== holder.run) {
    throw new MusterError(
      'LockHeld',
      `run ${held.run ?? 'unknown'} (${held.workflowId ?? 'unknown'}) is backing up ${system}/${component} since ${held.since ?? 'a moment ago'}`,
    )
  }
  if (held.run !== holder.run) await writeFile(path, text, { mode: 0o600 })
  await keepHold(agent, system, component)
}

/** Renews the lease; called with every progress. */
export async function keepHold(agent: Agent, system: string, component: string): Promise<void> {
  const now = agent.now()
  await utimes(lockPath(agent, system, component), now, now).catch(() => {})
}

export async function releaseHold(agent: Agent, system: string, component: string, run: string): Promise<void> {
  const path = lockPath(agent, system, component)
  const held = JSON.parse(await readFile(path, 'utf8').catch(() => '{}')) as Partial<LockHolder>
  if (held.run === run) await rm(path, { force: true })
}
