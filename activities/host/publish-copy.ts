import { readStaged } from '../../repository/staging.ts'
import { publishCopy as publish, type PublishedCopy } from '../../repository/publish-backup.ts'
import { sweepUnpublished } from '../../repository/sweep-unpublished.ts'
import type { Agent } from '../agent.ts'
import type { Work } from '../boundary.ts'
import { keepHold } from './component-lock.ts'
import { runShort, stagingDirectory } from './staging-place.ts'

export interface PublishCopyInput {
  readonly system: string
  readonly component: string
  readonly backup: string
  readonly store: string
  readonly configHash: string
}

export interface PublishedCopyResult extends PublishedCopy {
  /** Unpublished attempts of earlier runs that were found in the store, and removed. */
  readonly sweptAttempts: readonly string[]
  /** Where the store lay when it took the copy, as `Store.place` says. */
  readonly place?: string
}

/**
 * Copies a staged backup to one store: objects, confirmation, manifest last.
 *
 * Effect: objects below the backup's prefix, then `manifest.json`; removes unpublished attempts of earlier runs.
 * Idempotent: yes, and resumable; a second run finds the objects and the manifest and changes nothing.
 * Heartbeat: bytes that are in the store.
 * Fails with: ObjectMissing, ChecksumMismatch, StoreReadOnly, StoreNotMounted, DiskFull,
 *   CredentialsRejected, Throttled, Unreachable.
 */
export function publishCopy(agent: Agent) {
  return async (input: PublishCopyInput, work: Work): Promise<PublishedCopyResult> => {
    const { config } = await agent.config(input.configHash)
    const directory = stagingDirectory(agent, input.system, input.component, input.backup)
    const manifest = await readStaged(directory)
    const store = await agent.store(config, input.store)
    const sweptAttempts = await sweepUnpublished(store, input.system, input.component, runShort(work.runId), new Date(manifest.startedAt))
    const published = await publish(store, await agent.signer(), manifest, directory, {
      signal: work.signal,
      onProgress: (doneBytes, totalBytes) => {
        work.progress({ phase: `copy to ${input.store}`, doneBytes, totalBytes })
        void keepHold(agent, input.system, input.component)
      },
    })
    return { ...published, sweptAttempts, place: await store.place() }
  }
}
