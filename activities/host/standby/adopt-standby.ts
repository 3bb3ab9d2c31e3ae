import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { claimOf } from '../restore/claims.ts'
import { asideQuarantine, databaseMember, restoreShort, walDirectory } from '../restore/places.ts'
import { restoreDatabaseAside } from '../restore/restore-aside.ts'
import type { DatabaseStep, RestoredAside } from '../restore/types.ts'
import { isSoundCopy, isThere } from './sound-copy.ts'
import { forgetStandby, readStandby, standbyMember, standbyStep, writeStandby } from './standby-note.ts'

/**
 * Takes a standby over as the copy of this run; where it is gone or not sound, the backup that it came from is restored instead.
 *
 * Effect: `aside` and `wal` of the member; the standby's note says who took it.
 * Idempotent: yes; what an attempt has taken stays taken.
 * Heartbeat: of a restore, the bytes.
 * Fails with: TargetRunning when something else uses the standby; EpochSuperseded; what restoring a database aside fails with.
 */
export function adoptStandby(agent: Agent) {
  return async (step: DatabaseStep, work: Work): Promise<RestoredAside & { readonly adopted: boolean }> => {
    const startedAt = Date.now()
    const from = standbyMember(agent, step.system, step.decision)
    const standby = await readStandby(from)
    const mine = standby?.state === 'adopted' && standby.adoptedBy === step.run
    if (!standby || standby.seed !== step.decision.standby?.seed || !(standby.state === 'ready' || mine)) return restoreInstead(agent, step, work)
    // Whoever is about to refresh it finds that it is not the newest any more.
    await agent.members.takeEpoch(from, claimOf(work))
    await agent.postgresql.stopQuarantined(asideQuarantine(agent, standbyStep(step.system, step.configHash, step.decision, standby.seed)))
    await writeStandby(from, { ...standby, state: 'adopted', adoptedBy: step.run, adoptedAt: agent.now().toISOString() })
    const taken = await takeCopy(agent, step, work)
    if (!taken) return restoreInstead(agent, step, work)
    return { adopted: true, restoredBytes: 0, seconds: (Date.now() - startedAt) / 1000, tools: agent.tools }
  }
}

async function restoreInstead(agent: Agent, step: DatabaseStep, work: Work) {
  return { adopted: false, ...(await restoreDatabaseAside(agent)(step, work)) }
}

/** @returns false where there is no copy that could go on */
async function takeCopy(agent: Agent, step: DatabaseStep, work: Work): Promise<boolean> {
  const from = standbyMember(agent, step.system, step.decision)
  const to = databaseMember(agent, step)
  const epoch = await agent.members.takeEpoch(to, claimOf(work))
  if (await isThere(agent.members.asideData(from))) {
    if (!(await isSound(agent, step, agent.members.asideData(from)))) return false
    await agent.members.removeAside(to, epoch)
    if (!(await moved(agent.members.asideDirectory(from), agent.members.asideDirectory(to)))) return false
  } else if (!(await isSound(agent, step, agent.members.asideData(to)))) return false
  const wal = walDirectory(to)
  if (await isThere(walDirectory(from))) {
    await rm(wal, { recursive: true, force: true })
    // From here on it is this run's; without this note it would be fetched again.
    if (await moved(walDirectory(from), wal)) await writeFile(join(wal, '.muster-run'), step.run, { mode: 0o600 })
  }
  return true
}

async function isSound(agent: Agent, step: DatabaseStep, directory: string): Promise<boolean> {
  const { config } = await agent.config(step.configHash)
  const { tablespaces, walInto } = step.decision
  const own = [...tablespaces.map(({ into }) => into), ...(walInto === undefined ? [] : [walInto])]
  return isSoundCopy(agent, await agent.instance(config, step.system, step.component), directory, own)
}

/** @returns false where the two places cannot be on one filesystem */
async function moved(from: string, to: string): Promise<boolean> {
  return rename(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EXDEV') return false
      throw error
    },
  )
}

/**
 * Gives a standby back that a run took and did not promote, so that the next failover finds it; one that was promoted is
 * forgotten, so that the next refresh begins another. Idempotent.
 * @returns whether the directories of the decision are the standby's, also where this run never took it
 */
export async function giveStandbyBack(agent: Agent, step: DatabaseStep, work: Work): Promise<boolean> {
  if (step.decision.standby === undefined) return false
  const home = standbyMember(agent, step.system, step.decision)
  const standby = await readStandby(home)
  if (standby?.seed !== step.decision.standby.seed) return false
  if (standby.adoptedBy !== step.run) return true
  const member = databaseMember(agent, step)
  if (standby.state === 'ready') return true
  await agent.members.takeEpoch(member, claimOf(work))
  const promoted = await isThere(join(member.workDirectory, `promoted-${restoreShort(step)}.json`))
  const aside = agent.members.asideData(member)
  const taken = await isThere(aside)
  if (promoted || !(await isSound(agent, step, taken ? aside : agent.members.asideData(home)))) {
    await forgetStandby(home)
    return false
  }
  if (taken) {
    await mkdir(home.workDirectory, { recursive: true, mode: 0o711 })
    await rm(agent.members.asideDirectory(home), { recursive: true, force: true })
    await rename(agent.members.asideDirectory(member), agent.members.asideDirectory(home))
  }
  await writeStandby(home, { ...standby, state: 'ready' })
  return true
}
