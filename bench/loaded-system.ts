/** A system under load: backed up once, pgbench and numbered markers at work, WAL on its way to the off-site store. */
import type { BackupSystemResult } from '../workflows/messages.ts'
import { type BenchSystem, type BenchSystemOptions, createBenchSystem } from './bench-system.ts'
import { untilDone } from './clean-up.ts'
import { createMarkerTable, type MarkerWriter, startMarkers } from './markers.ts'
import { type OffsiteView, openOffsite } from './offsite-view.ts'
import { fillForPgbench, type Load, type LoadOptions, startPgbench } from './pgbench-load.ts'

export interface LoadedSystem {
  readonly system: BenchSystem
  readonly load: Load
  readonly markers: MarkerWriter
  readonly offsite: OffsiteView
  stop(): Promise<void>
}

export async function createLoadedSystem(options: BenchSystemOptions & LoadOptions & { readonly scale: number }): Promise<LoadedSystem> {
  const system = await createBenchSystem({
    ...options,
    fill: async (cluster) => {
      await createMarkerTable(cluster)
      await fillForPgbench(cluster, options.scale)
    },
  })
  let load: Load | null = null
  let markers: MarkerWriter | null = null
  const stop = untilDone(async () => {
    await Promise.allSettled([load?.stop(), markers?.stop()])
    await system.stop()
  })
  try {
    const backup = (await system.client.workflow.execute('backupSystem', {
      taskQueue: 'muster',
      workflowId: 'bench/first',
      args: [{ system: 'shop' }],
    })) as BackupSystemResult
    if (backup.outcome !== 'succeeded') throw new Error(`the first backup ${backup.outcome}: ${JSON.stringify(backup)}`)
    load = await startPgbench(system.cluster, options)
    markers = await startMarkers(system.cluster)
    return { system, load, markers, offsite: await openOffsite(system), stop }
  } catch (error) {
    await stop()
    throw error
  }
}
