/** Every workflow type that exists. What is not here is refused by name. */
import { workflowInfo } from '@temporalio/workflow'
import { workflowTypes } from './messages.ts'
import { fail } from './procedure.ts'

export { archiveHistories } from './archive-histories.ts'
export { archiveWal } from './archive-wal.ts'
export { backupSystem } from './backup-system.ts'
export { drill } from './drill.ts'
export { failback } from './failback.ts'
export { failover } from './failover.ts'
export { failoverSite } from './failover-site.ts'
export { installConfig } from './install-config.ts'
export { monitorHealth } from './monitor-health.ts'
export { probeSystem } from './probe-system.ts'
export { refreshStandby } from './refresh-standby.ts'
export { recoverToPointInTime } from './recover-to-point-in-time.ts'
export { respondToBreach } from './respond-to-breach.ts'
export { restoreSystem } from './restore-system.ts'
export { switchover } from './switchover.ts'

/** Runs for every unknown type, so that a misspelt name ends with a clear failure instead of hanging. */
export default async function unknownWorkflow(): Promise<never> {
  throw fail('InvalidInput', `there is no workflow "${workflowInfo().workflowType}"; there are: ${workflowTypes.join(', ')}`)
}
