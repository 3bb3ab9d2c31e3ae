/** The activities of a site's queue: short control work that touches no component. */
import type { Agent } from '../agent.ts'
import { atBoundary } from '../boundary.ts'
import { archiveRuns } from './archive/archive-runs.ts'
import { installConfig } from '../install-config.ts'
import { noteSuspicion } from './breach/note-suspicion.ts'
import { isolateHosts, rotateByCommand } from './breach/run-breach-command.ts'
import { scopeBreach } from './breach/scope-breach.ts'
import { changeDns } from './dns/change-dns.ts'
import { observeDns } from './dns/observe-dns.ts'
import { planDns } from './dns/plan-dns.ts'
import { judgeHealth } from './judge-health.ts'
import { moveSchedules } from './move-schedules.ts'
import { notifyPeople } from './notify-people.ts'
import { planBackup } from './plan-backup.ts'
import { runFence } from './run-fence.ts'
import { scopeMove } from './scope-move.ts'
import { scopeProbes } from './scope-probes.ts'
import { scopeSite } from './scope-site.ts'
import { scopeStandby } from './scope-standby.ts'
import { scopeRestore } from './scope-restore.ts'
import { tryFence } from './try-fence.ts'
import { verifyApproval } from './verify-approval.ts'
import { writeEvidence } from './write-evidence.ts'

export function createSiteActivities(agent: Agent) {
  return {
    changeDns: atBoundary(agent, changeDns(agent)),
    isolateHosts: atBoundary(agent, isolateHosts(agent)),
    moveSchedules: atBoundary(agent, moveSchedules(agent)),
    noteSuspicion: atBoundary(agent, noteSuspicion(agent)),
    observeDns: atBoundary(agent, observeDns(agent)),
    planBackup: atBoundary(agent, planBackup(agent)),
    rotateByCommand: atBoundary(agent, rotateByCommand(agent)),
    runFence: atBoundary(agent, runFence(agent)),
    scopeBreach: atBoundary(agent, scopeBreach(agent)),
    scopeMove: atBoundary(agent, scopeMove(agent)),
    scopeProbes: atBoundary(agent, scopeProbes(agent)),
    scopeSite: atBoundary(agent, scopeSite(agent)),
    scopeStandby: atBoundary(agent, scopeStandby(agent)),
    tryFence: atBoundary(agent, tryFence(agent)),
    planDns: atBoundary(agent, planDns(agent)),
    scopeRestore: atBoundary(agent, scopeRestore(agent)),
    installConfig: atBoundary(agent, installConfig(agent)),
    notifyPeople: atBoundary(agent, notifyPeople(agent)),
    verifyApproval: atBoundary(agent, verifyApproval(agent)),
    judgeHealth: atBoundary(agent, judgeHealth(agent)),
    archiveRuns: atBoundary(agent, archiveRuns(agent)),
    writeEvidence: atBoundary(agent, writeEvidence(agent)),
  }
}

export type SiteActivities = ReturnType<typeof createSiteActivities>
