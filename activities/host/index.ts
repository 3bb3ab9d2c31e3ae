/** The activities of a host's queues: whatever touches a component or moves bytes. */
import type { Agent } from '../agent.ts'
import { atBoundary } from '../boundary.ts'
import { installConfig } from '../install-config.ts'
import { archiveWal } from './archive-wal.ts'
import { chooseCandidates } from './breach/choose-candidates.ts'
import { compareCandidates } from './breach/compare-candidates.ts'
import { examineCandidate } from './breach/examine-candidate.ts'
import { findKnownPasswords, rotateRole } from './breach/rotate-role.ts'
import { takeForensicCopy } from './breach/take-forensic-copy.ts'
import { planDrill } from './drill/plan-drill.ts'
import { releaseDrill } from './drill/release-drill.ts'
import { smokeDrill } from './drill/smoke-drill.ts'
import { giveBack, takeOver } from './move/take-over.ts'
import { payDebts } from './pay-debts.ts'
import { probeService } from './probe-service.ts'
import { produceBackup } from './produce-backup.ts'
import { publishCopy } from './publish-copy.ts'
import { releaseStaging } from './release-staging.ts'
import { openDatabase, startClosed, startOldDatabase, stopClosed, stopDatabase } from './restore/database.ts'
import { applyTreeRules } from './restore/apply-tree-rules.ts'
import { compareTree } from './restore/compare-tree.ts'
import { checkRestored, promoteAside, replayTail } from './restore/held.ts'
import { observeTargets } from './restore/observe-targets.ts'
import { planRestore } from './restore/plan-restore.ts'
import { protectAgain, protectOld } from './restore/protect.ts'
import { holdAtTarget, prefetchWal, restoreDatabaseAside, restoreTreeAside } from './restore/restore-aside.ts'
import { keepSafetySet } from './restore/safety-set.ts'
import { awaitHealthy, startService, stopService } from './restore/services.ts'
import { proveRestorable } from './restore/prove-restorable.ts'
import { runAfter } from './restore/run-after.ts'
import { discardAside, keepNewerFiles, placeElsewhere, swapBack, swapIn } from './restore/swap.ts'
import { saveTail } from './restore/tail.ts'
import { adoptStandby } from './standby/adopt-standby.ts'
import { catchUpStandby } from './standby/catch-up-standby.ts'
import { planStandby } from './standby/plan-standby.ts'
import { seedStandby } from './standby/seed-standby.ts'

export function createHostActivities(agent: Agent) {
  return {
    adoptStandby: atBoundary(agent, adoptStandby(agent)),
    applyTreeRules: atBoundary(agent, applyTreeRules(agent)),
    archiveWal: atBoundary(agent, archiveWal(agent)),
    awaitHealthy: atBoundary(agent, awaitHealthy(agent)),
    catchUpStandby: atBoundary(agent, catchUpStandby(agent)),
    checkRestored: atBoundary(agent, checkRestored(agent)),
    chooseCandidates: atBoundary(agent, chooseCandidates(agent)),
    compareCandidates: atBoundary(agent, compareCandidates(agent)),
    compareTree: atBoundary(agent, compareTree(agent)),
    discardAside: atBoundary(agent, discardAside(agent)),
    examineCandidate: atBoundary(agent, examineCandidate(agent)),
    findKnownPasswords: atBoundary(agent, findKnownPasswords(agent)),
    giveBack: atBoundary(agent, giveBack(agent)),
    holdAtTarget: atBoundary(agent, holdAtTarget(agent)),
    installConfig: atBoundary(agent, installConfig(agent)),
    keepNewerFiles: atBoundary(agent, keepNewerFiles(agent)),
    keepSafetySet: atBoundary(agent, keepSafetySet(agent)),
    observeTargets: atBoundary(agent, observeTargets(agent)),
    openDatabase: atBoundary(agent, openDatabase(agent)),
    placeElsewhere: atBoundary(agent, placeElsewhere(agent)),
    payDebts: atBoundary(agent, payDebts(agent)),
    planDrill: atBoundary(agent, planDrill(agent)),
    planRestore: atBoundary(agent, planRestore(agent)),
    planStandby: atBoundary(agent, planStandby(agent)),
    prefetchWal: atBoundary(agent, prefetchWal(agent)),
    probeService: atBoundary(agent, probeService(agent)),
    produceBackup: atBoundary(agent, produceBackup(agent)),
    promoteAside: atBoundary(agent, promoteAside(agent)),
    proveRestorable: atBoundary(agent, proveRestorable(agent)),
    protectAgain: atBoundary(agent, protectAgain(agent)),
    protectOld: atBoundary(agent, protectOld(agent)),
    publishCopy: atBoundary(agent, publishCopy(agent)),
    releaseDrill: atBoundary(agent, releaseDrill(agent)),
    releaseStaging: atBoundary(agent, releaseStaging(agent)),
    replayTail: atBoundary(agent, replayTail(agent)),
    restoreDatabaseAside: atBoundary(agent, restoreDatabaseAside(agent)),
    restoreTreeAside: atBoundary(agent, restoreTreeAside(agent)),
    rotateRole: atBoundary(agent, rotateRole(agent)),
    runAfter: atBoundary(agent, runAfter(agent)),
    saveTail: atBoundary(agent, saveTail(agent)),
    seedStandby: atBoundary(agent, seedStandby(agent)),
    smokeDrill: atBoundary(agent, smokeDrill(agent)),
    startClosed: atBoundary(agent, startClosed(agent)),
    startOldDatabase: atBoundary(agent, startOldDatabase(agent)),
    startService: atBoundary(agent, startService(agent)),
    stopClosed: atBoundary(agent, stopClosed(agent)),
    stopDatabase: atBoundary(agent, stopDatabase(agent)),
    stopService: atBoundary(agent, stopService(agent)),
    swapBack: atBoundary(agent, swapBack(agent)),
    swapIn: atBoundary(agent, swapIn(agent)),
    takeForensicCopy: atBoundary(agent, takeForensicCopy(agent)),
    takeOver: atBoundary(agent, takeOver(agent)),
  }
}

export type HostActivities = ReturnType<typeof createHostActivities>
