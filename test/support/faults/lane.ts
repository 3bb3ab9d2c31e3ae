/** One system of a sweep, on one host. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { snapshotOf } from './looks.ts'
import { createFaultRig, type FaultRig } from './rig.ts'
import { createRunner, type Ended, type Runner } from './runner.ts'

export interface Lane extends Runner {
  readonly faults: FaultRig
  /** Waits for the full backup that follows a restore. */
  backupAfter(ended: Ended): Promise<void>
  /** Text of the tree's file in its newest backup: what a restore brings back. */
  readonly fileInBackup: string
  /** After each backup of the tree. */
  noteBackup(): Promise<void>
  /** Numbers that were not given before. */
  next(): number
  stop(): Promise<void>
}

/** A system of its own, with a worker that polls and a first backup. */
export async function createLane(): Promise<Lane> {
  const faults = await createFaultRig()
  const runner = await createRunner({ env: faults.env, startWorker: () => faults.startWorker(), snapshot: () => snapshotOf(faults), mine: () => true })
  let number = 100
  let fileInBackup = ''
  const lane: Lane = {
    ...runner,
    faults,
    async backupAfter({ result }) {
      const { backup } = result as { readonly backup: string | null }
      if (backup !== null) await faults.env.client.workflow.getHandle(backup).result()
      await lane.noteBackup()
    },
    get fileInBackup() {
      return fileInBackup
    },
    async noteBackup() {
      fileInBackup = await readFile(join(faults.uploads, 'logo.png'), 'utf8')
    },
    next: () => (number += 1),
    stop: () => faults.stop(),
  }
  await runner.run({ type: 'backupSystem', workflowId: 'backup/first', input: { system: 'shop' } }, [])
  await lane.noteBackup()
  return lane
}
