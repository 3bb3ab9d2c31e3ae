/**
 * Records the corpus of the replay test: one history per workflow and outcome, made on a real Temporal server with
 * scripted activities. Run it when a workflow gains an outcome, and never to make a failing replay test pass: a
 * recorded history stands for the runs that exist out there.
 *
 *   npx tsx scripts/record-history.ts             all that are not recorded yet
 *   npx tsx scripts/record-history.ts NAME …      these again, such as backupSystem.degraded
 *   npx tsx scripts/record-history.ts --all       all again: only while nothing was released
 */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { WorkflowHandle } from '@temporalio/client'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import {
  failing,
  failingTimes,
  noSystem,
  openStage,
  type Play,
  type Script,
  type Stage,
  until,
  untilCancelled,
  untilPhase,
  when,
} from '../test/support/scripted-activities.ts'
import { attestBy, fencedBy, fromStandby, oldSide, oldSideDying, oldSideGone } from '../test/support/move-script.ts'
import { madeAfterStop } from '../domain/move.ts'
import { database, ruledUploads, uploads, shopBackupPlan, shopDrillPlan, shopRestorePlan, shopScript, shortLimits } from '../test/support/shop-script.ts'
import { lookRecordings } from './look-recordings.ts'
import { cancelAt, type Recording, roles, turns, unheard } from './recording.ts'
import { runInTurn } from './run-in-turn.ts'
import { siteRecordings } from './site-recordings.ts'

/** Stands in many events; says nothing about the machine. */
const recorder = 'muster-recorder'
const folder = join(import.meta.dirname, '..', 'test', 'replay', 'histories')
const base = shopScript()
const broken = failing('CheckFailed', 'max(created_at) of orders is too old')

const correctAt =
  (phase: string, ...inputs: readonly object[]) =>
  async (handle: WorkflowHandle, play: Play) => {
    for (const [index, input] of inputs.entries()) {
      await until(phase, () => play.calls('notifyPeople').filter(({ input: { notice } }) => notice.event === 'alarm').length > index)
      await untilPhase(handle, phase)
      await handle.executeUpdate('correct', { args: [{ person: 'bob', reason: 'the link is mended', ...input }] })
    }
  }

const answerPlan = (answer: object, shop: Parameters<typeof shopRestorePlan>[0] = {}): Recording => ({
  script: { planRestore: shopRestorePlan({ ...shop, approvals: { count: 1, ...shop.approvals } }) },
  meanwhile: async (handle) => {
    await untilPhase(handle, 'waiting for approval')
    await handle.executeUpdate('approve', { args: [{ plan: (await handle.describe()).memo?.['plan'], person: 'bob', ...answer }] })
  },
})

/** Of a run and of the failover that it starts. */
const openAfterReview = async (handle: WorkflowHandle) => {
  const child = handle.client.getHandle(`${handle.workflowId}/recover`)
  await until('the failover', () => child.describe().then(isThere, () => false))
  await untilPhase(child, 'paused: review before opening')
  await child.executeUpdate('correct', { args: [{ action: 'retry', person: 'bob', reason: 'looked through' }] })
}
const isThere = () => true
const breach = { since: '2026-11-21T02:14:00Z', hosts: ['localhost'] }

const offsiteOut: Partial<Script> = {
  planBackup: () => shopBackupPlan({ limits: { ...shortLimits, copySeconds: 1 } }),
  publishCopy: when('offsite', failing('Unreachable', 'offsite does not answer'), base.publishCopy),
}
const gap: Partial<Script> = {
  archiveWal: async (input, attempt) => ({ ...(await base.archiveWal(input, attempt)), gaps: ['0/4000000 to 0/5000000 is in no store'] }),
}
const [plannedDatabase, plannedUploads] = shopBackupPlan().waves.flat()
if (!plannedDatabase || !plannedUploads) throw new Error('the plan of the shop has a database and a tree')
const heldJustNow: Script['holdAtTarget'] = () => ({ replayedLsn: '0/4000100', lastCommitAt: new Date(Date.now() - 5000).toISOString().replace('Z', '000Z') })
const everyAgent = { hosts: ['localhost'], sites: ['primary'], documents: Buffer.from('signed documents').toString('base64') }
const toName = { to: { name: 'before-migration' } }

const moves = ['failover', 'failback', 'switchover']

const recordings: Readonly<Record<string, Recording>> = {
  'backupSystem.succeeded': {},
  'backupSystem.one-wave': { script: { planBackup: () => shopBackupPlan({ waves: [[plannedDatabase, plannedUploads]] }) } },
  'backupSystem.degraded': { script: offsiteOut },
  'backupSystem.copies-missing': {
    script: {
      ...offsiteOut,
      planBackup: () => shopBackupPlan({ limits: { ...shortLimits, copySeconds: 1 }, required: { total: 3, offHost: 1, offSite: 1 } }),
    },
  },
  'backupSystem.copies-in-one-place': {
    script: {
      planBackup: () => shopBackupPlan({ required: { total: 3, offHost: 1, offSite: 1 } }),
      publishCopy: async (input, attempt) => ({ ...(await base.publishCopy(input, attempt)), place: 'device:1' }),
    },
  },
  'backupSystem.copies-apart': {
    script: { publishCopy: async (input, attempt) => ({ ...(await base.publishCopy(input, attempt)), place: `place of ${input.store}` }) },
  },
  'backupSystem.produce-failed': {
    script: { produceBackup: when('database', failing('PageChecksum', 'page 7 of base/5/16384 is damaged'), base.produceBackup) },
  },
  'backupSystem.plan-failed': { script: { planBackup: failing('NotActiveSite', 'system "shop" is active at site "dr"') } },
  'backupSystem.staging-kept': { script: { releaseStaging: failing('SourceUnreadable', 'the staging is not ours') } },
  'backupSystem.evidence-lost': {
    script: {
      writeEvidence: ({ evidence }) => ({ key: `evidence/${evidence.system}/1.json`, sha256: '', stores: [], failed: [{ store: 'local', problem: 'full' }] }),
    },
  },
  'backupSystem.notices-undelivered': { script: { notifyPeople: failing('ConfigInvalid', 'there is no such config') } },
  'backupSystem.cancelled': { script: { publishCopy: untilCancelled(50) }, meanwhile: cancelAt('publishCopy') },
  'backupSystem.invalid-input': { input: { kind: 'weekly' } },

  'archiveWal.succeeded': {},
  'archiveWal.degraded': { script: gap },
  'archiveWal.point-made': { input: { point: 'before-migration' } },
  'archiveWal.failed': { script: { archiveWal: failing('PreconditionFailed', 'the WAL shipper of database does not run') } },
  'archiveWal.nothing-to-do': { script: { planBackup: () => shopBackupPlan({ waves: [[plannedUploads]] }) } },
  'archiveWal.cancelled': { script: { archiveWal: untilCancelled() }, meanwhile: cancelAt('archiveWal') },

  'respondToBreach.planned': { input: { ...breach, planOnly: true }, id: 'plan/shop/1' },
  'respondToBreach.succeeded': { input: breach, script: { observeTargets: oldSide }, meanwhile: openAfterReview },
  'respondToBreach.second-candidate': {
    input: breach,
    script: {
      observeTargets: oldSideGone,
      isolateHosts: broken,
      examineCandidate: (input, attempt) => (input.name === 'candidate-1' ? broken() : base.examineCandidate(input, attempt)),
    },
    meanwhile: openAfterReview,
  },
  'respondToBreach.nothing-holds': { input: breach, script: { examineCandidate: broken } },
  'respondToBreach.cancelled': { input: breach, script: { takeForensicCopy: untilCancelled() }, meanwhile: cancelAt('takeForensicCopy') },
  'failover.after-a-breach': {
    script: { observeTargets: oldSide, rotateByCommand: failingTimes(1, 'PreconditionFailed', 'no answer', base.rotateByCommand) },
    input: {
      to: { time: '2026-11-21T02:13:59.999Z' },
      breach: { run: 'target/shop:9', since: '2026-11-21T02:14:00Z', suspects: ['localhost'], review: ['who logged in'] },
    },
    meanwhile: async (handle, play) => {
      await correctAt('paused: rotate session-key', { action: 'retry' })(handle, play)
      await untilPhase(handle, 'paused: review before opening')
      await handle.executeUpdate('correct', { args: [{ action: 'retry', person: 'bob', reason: 'looked through' }] })
    },
  },

  'restoreSystem.planned': { input: { planOnly: true }, id: 'plan/shop/1' },
  'restoreSystem.planned-forecast-stored': { input: { planOnly: true }, id: 'plan/shop/1' },
  'restoreSystem.planned-compared': { input: { planOnly: true }, id: 'plan/shop/1' },
  'restoreSystem.planned-on-several-hosts': {
    input: { planOnly: true },
    id: 'plan/shop/1',
    script: { planRestore: shopRestorePlan({ decision: { components: [database, { ...uploads, host: 'db2' }] } }) },
  },
  'restoreSystem.succeeded': answerPlan({}),
  'restoreSystem.succeeded-with-rules': { script: { planRestore: shopRestorePlan({ decision: { components: [database, ruledUploads] } }) } },
  'restoreSystem.less-than-shown': {
    script: { planRestore: shopRestorePlan({ promised: { lsn: '0/6000000', againLsn: '0/6000000' } }) },
  },
  'restoreSystem.succeeded-stop-first': { input: { stopFirst: true } },
  'restoreSystem.succeeded-back': { input: { back: 'target/shop:1' } },
  'restoreSystem.succeeded-elsewhere': {
    input: { components: ['database'], into: { directory: '/srv/copy', port: 5433 } },
    id: 'aside/shop/localhost/1a2b3c4d5e6f',
  },
  'restoreSystem.succeeded-tree': { input: { components: ['uploads'] } },
  'restoreSystem.succeeded-commit-after': { script: { planRestore: shopRestorePlan({ commitAfterSeconds: 0.2 }) }, input: { components: ['database'] } },
  'restoreSystem.opened-without-store': {
    script: {
      protectAgain: (input, attempt) =>
        input.openWith.includes('offsite') ? base.protectAgain(input, attempt) : failing('NotProtected', 'offsite does not answer')(),
    },
    meanwhile: correctAt('not protected: waiting for a person', { action: 'retry' }, { action: 'openWith', stores: ['offsite'] }),
  },
  'restoreSystem.given-up': {
    script: { protectAgain: failing('NotProtected', 'offsite does not answer') },
    meanwhile: correctAt('not protected: waiting for a person', { action: 'giveUp' }),
  },
  'restoreSystem.paused-after-open': {
    script: { awaitHealthy: when('web', failingTimes(1, 'ServiceUnhealthy', 'HTTP 503', base.awaitHealthy), base.awaitHealthy) },
    meanwhile: correctAt('paused: health of web', { action: 'retry' }),
  },
  'restoreSystem.left-open': { script: { openDatabase: broken, planRestore: shopRestorePlan({ limits: { correctionSeconds: 0.2 } }) } },
  'restoreSystem.rejected': answerPlan({ decision: 'reject', note: 'wrong moment' }),
  'restoreSystem.signed-by-two': {
    script: { planRestore: shopRestorePlan({ approvals: { count: 2, accept: 'signed', approvers: ['bob', 'carol'] } }) },
    meanwhile: async (handle) => {
      await untilPhase(handle, 'waiting for approval')
      const plan = (await handle.describe()).memo?.['plan']
      for (const person of ['bob', 'carol']) await handle.executeUpdate('approve', { args: [{ plan, person, signature: `signature of ${person}` }] })
    },
  },
  'restoreSystem.broke-the-glass': answerPlan({ breakGlass: true, note: 'nobody else answers' }, { approvals: { count: 2 } }),
  'restoreSystem.succeeded-escalated': {
    script: {
      planRestore: shopRestorePlan({ approvals: { count: 1 }, contacts: turns(0.1) }),
      notifyPeople: ({ contacts = [] }) => ({ delivered: ['log'], failed: [], contacts: contacts.map((contact) => ({ contact, role: roles[contact] ?? '' })) }),
    },
    meanwhile: async (handle, play) => {
      await until('the second contact', () => play.calls('notifyPeople').some(({ input }) => input.escalates))
      await untilPhase(handle, 'waiting for approval')
      await handle.executeUpdate('approve', { args: [{ plan: (await handle.describe()).memo?.['plan'], person: 'bob' }] })
    },
  },
  'restoreSystem.succeeded-told-again': {
    script: {
      planRestore: shopRestorePlan({ approvals: { count: 1 } }),
      notifyPeople: (input, attempt) => (input.notice.event === 'approval-needed' ? unheard(input, attempt) : base.notifyPeople(input, attempt)),
    },
    meanwhile: async (handle, play) => {
      await until('the third try', () => play.calls('notifyPeople').filter(({ input: { notice } }) => notice.event === 'approval-needed').length === 3)
      await untilPhase(handle, 'waiting for approval')
      await handle.executeUpdate('approve', { args: [{ plan: (await handle.describe()).memo?.['plan'], person: 'bob' }] })
    },
  },
  'restoreSystem.expired': { script: { planRestore: shopRestorePlan({ approvals: { count: 1 }, expirySeconds: 0.1 }) } },
  'restoreSystem.plan-failed': { script: { planRestore: failing('BackupNotFound', 'there is no backup of shop/database') } },
  'restoreSystem.plan-changed': {
    script: { planRestore: (input) => shopRestorePlan()(input.pinned ? { ...input, pinned: { ...input.pinned, components: [database] } } : input) },
  },
  'restoreSystem.refused-id': { id: 'my-restore' },
  'restoreSystem.rolled-back-aside': { script: { restoreDatabaseAside: failing('ObjectMissing', 'base.tar.zst.age is gone'), prefetchWal: untilCancelled() } },
  'restoreSystem.rolled-back': { script: { checkRestored: (input, attempt) => (input.where === 'closed' ? broken() : base.checkRestored(input, attempt)) } },
  'restoreSystem.rolled-back-in-part': {
    script: { startClosed: broken, swapBack: when('uploads', failing('WrongTarget', 'the journal says otherwise'), base.swapBack) },
  },
  'restoreSystem.cancelled-aside': { script: { restoreTreeAside: untilCancelled() }, meanwhile: cancelAt('restoreTreeAside') },
  'restoreSystem.cancelled': { script: { saveTail: untilCancelled() }, meanwhile: cancelAt('saveTail') },

  'drill.succeeded': { input: { kind: 'restore' }, script: { holdAtTarget: heldJustNow } },
  'drill.degraded': {
    input: { kind: 'restore' },
    script: { holdAtTarget: heldJustNow, planDrill: (input) => shopDrillPlan(input, { objectives: { rpoSeconds: 1 } }) },
  },
  'drill.succeeded-failover': { input: { kind: 'failover' }, script: { holdAtTarget: heldJustNow, observeTargets: oldSide } },
  'drill.degraded-fence': {
    input: { kind: 'failover' },
    script: {
      holdAtTarget: heldJustNow,
      observeTargets: oldSide,
      scopeMove: fencedBy('agents', 'command', 'people'),
      tryFence: () => ({ problem: 'the fence needs /usr/local/bin/power, not found here or not executable' }),
    },
  },
  'drill.planned': { input: { kind: 'restore', planOnly: true }, id: 'plan/shop/2' },
  'drill.failed': { input: { kind: 'pitr' }, script: { checkRestored: broken } },
  'drill.plan-failed': { input: { kind: 'restore' }, script: { planDrill: failing('BackupNotFound', 'nothing of shop/database was ever backed up') } },
  'drill.left-behind': { input: { kind: 'restore' }, script: { releaseDrill: failing('PreconditionFailed', 'no right to end process 7') } },
  'drill.cancelled': { input: { kind: 'restore' }, script: { restoreTreeAside: untilCancelled() }, meanwhile: cancelAt('restoreTreeAside') },

  'failover.planned': { input: { planOnly: true }, id: 'plan/shop/1' },
  'failover.succeeded-started-by-hand': { input: { at: 'dr' }, script: { observeTargets: oldSide } },
  'failover.succeeded-fenced-by-agents': { script: { observeTargets: oldSide } },
  'failover.succeeded-fenced-by-command': { script: { observeTargets: oldSideGone, scopeMove: fencedBy('agents', 'command', 'people') } },
  'failover.succeeded-fenced-by-people': { script: { observeTargets: oldSideGone }, meanwhile: attestBy('alice', 'bob') },
  'failover.succeeded-from-standby': { script: { observeTargets: oldSide, planRestore: fromStandby } },
  'failover.succeeded-instead-of-standby': {
    script: { observeTargets: oldSide, planRestore: fromStandby, holdAtTarget: failingTimes(1, 'RestoreFailed', 'the copy does not start', base.holdAtTarget) },
  },
  'failover.rolled-back-from-standby': { script: { observeTargets: oldSide, planRestore: fromStandby, checkRestored: broken } },
  'failover.lost-tail-accepted': {
    script: { observeTargets: oldSideDying(99), planRestore: shopRestorePlan({ tail: true }) },
    meanwhile: async (handle) => {
      await attestBy('alice', 'bob')(handle)
      await untilPhase(handle, 'paused: lost tail')
      await handle.executeUpdate('correct', { args: [{ action: 'acceptLoss', person: 'bob', reason: 'its disk is gone' }] })
    },
  },
  'failover.loss-not-accepted': {
    script: { observeTargets: oldSide, planRestore: shopRestorePlan({ beyond: 'database: up to 1 h of commits would be lost, and maxLoss is 5 min' }) },
  },
  'failover.plan-failed': { script: { scopeMove: failing('WrongTarget', 'system "shop" is active at site dr already') } },
  'failover.refused-id': { id: 'my-failover' },
  'failover.rejected': answerPlan({ decision: 'reject', note: 'the site is not lost' }),
  'failover.rolled-back-aside': { script: { observeTargets: oldSide, holdAtTarget: failing('WalGap', 'WAL is missing after 0/5000000') } },
  'failover.rolled-back': {
    script: { observeTargets: oldSide, checkRestored: (input, attempt) => (input.where === 'closed' ? broken() : base.checkRestored(input, attempt)) },
  },
  'failover.cancelled': { script: { observeTargets: oldSide, saveTail: untilCancelled() }, meanwhile: cancelAt('saveTail') },

  'switchover.succeeded-with-rules': {
    script: {
      observeTargets: oldSide,
      planRestore: shopRestorePlan({
        decision: {
          components: [
            { ...database, running: false },
            { ...ruledUploads, backup: madeAfterStop },
          ],
        },
      }),
    },
  },
  ...siteRecordings,

  'switchover.succeeded': { script: { observeTargets: oldSide } },
  'switchover.plan-failed': { script: { observeTargets: oldSideGone } },
  'failback.succeeded': { script: { observeTargets: oldSide } },
  'failback.rolled-back': { script: { observeTargets: oldSide, saveTail: broken } },

  'recoverToPointInTime.planned': { input: { ...toName, planOnly: true }, id: 'plan/shop/1' },
  'recoverToPointInTime.succeeded': { input: { to: { time: '2026-11-21T02:14:00Z' } } },
  'recoverToPointInTime.rolled-back': { input: toName, script: { checkRestored: broken } },

  'installConfig.succeeded': { input: everyAgent },
  'installConfig.succeeded-from-stores': { input: { hosts: ['localhost'] } },
  'installConfig.degraded': { input: { ...everyAgent, hosts: ['localhost', 'away'], waitSeconds: 0.3 } },
  'installConfig.refused': { input: everyAgent, script: { installConfig: failing('KeyNotTrusted', 'the key list was signed by another root key') } },
  'installConfig.nothing-to-do': {},
  'archiveHistories.succeeded': {},
  'archiveHistories.degraded': {
    script: { archiveRuns: async (input, attempt) => ({ ...(await base.archiveRuns(input, attempt)), remarks: ['the chain was cut: record 12 is gone'] }) },
  },
  'archiveHistories.failed': { script: { archiveRuns: failing('SecretMissing', 'there is no host key') } },
  'archiveHistories.cancelled': { script: { archiveRuns: untilCancelled() }, meanwhile: cancelAt('archiveRuns') },
  ...lookRecordings,
  'refreshStandby.succeeded': {},
  'refreshStandby.succeeded-seeded': {
    script: { planStandby: async (input, attempt) => ({ ...(await base.planStandby(input, attempt)), seeds: true }) },
  },
  'refreshStandby.succeeded-active-here': {
    script: { scopeStandby: async (input, attempt) => ({ ...(await base.scopeStandby(input, attempt)), activeHere: true }) },
  },
  'refreshStandby.failed': { script: { planStandby: failing('BackupNotFound', 'nothing of "database" was ever backed up') } },
  'refreshStandby.cancelled': { script: { catchUpStandby: untilCancelled() }, meanwhile: cancelAt('catchUpStandby') },
  'installConfig.cancelled': { input: everyAgent, script: { installConfig: untilCancelled() }, meanwhile: cancelAt('installConfig') },
}

async function record(stage: Stage, name: string, recording: Recording): Promise<void> {
  const [type = ''] = name.split('.')
  const ofSite = type === 'failoverSite'
  const ofSystem = type !== 'installConfig' && type !== 'archiveHistories' && !ofSite
  const script = { ...base, ...recording.script }
  const play = stage.play(script, ofSystem || ofSite ? 'shop' : noSystem)
  if (ofSite) stage.play(script, noSystem)
  const restores = type === 'restoreSystem' || type === 'recoverToPointInTime' || moves.includes(type) || type === 'respondToBreach'
  const ofNone = ofSite ? 'failover-site/first' : type === 'archiveHistories' ? 'archive-histories' : 'install-config'
  const id = recording.id ?? (restores ? 'target/shop' : ofSystem ? `${type}/shop/1` : ofNone)
  const about = ofSite ? { site: 'first' } : ofSystem ? { system: 'shop' } : {}
  const input = { ...about, requestedBy: 'alice', ...recording.input }
  if (recording.after) {
    const scripts = [...recording.after, recording.script].map((one) => ({ ...base, ...one }))
    return void (await keep(stage, name, id, await runInTurn(stage, play, { type, workflowId: id, input }, scripts)))
  }
  const handle = await stage.start(type, id, input)
  await recording.meanwhile?.(handle, play)
  await handle.result().catch(() => undefined)
  const runId = await keep(stage, name, id)
  await childrenEnd(stage, runId)
  if (recording.child !== undefined) await childrenEnd(stage, await keep(stage, recording.child, 'target/shop'))
}

/** @returns the run's id */
async function keep(stage: Stage, name: string, id: string, run?: string): Promise<string> {
  const { runId } = await stage.client.workflow.getHandle(id, run).describe()
  const history = await stage.client.workflow.getHandle(id, runId).fetchHistory()
  const { events } = JSON.parse(historyToJSON(history)) as { events: readonly object[] }
  // One event a line: a change can be read.
  await writeFile(join(folder, `${name}.json`), `{"events":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}\n`)
  console.log(`${name}: ${events.length} events`)
  return runId
}

/** A full backup that the run started must not answer to the next script. */
async function childrenEnd(stage: Stage, runId: string): Promise<void> {
  for (const id of [`backup/shop/after-${runId}`, `backup/shop/after-gap-${runId}`, `standby/shop/prepare-${runId}`]) {
    await stage.client.workflow
      .getHandle(id)
      .result()
      .catch(() => undefined)
  }
}

async function main(asked: readonly string[]): Promise<void> {
  const names = Object.keys(recordings)
  const unknown = asked.filter((name) => name !== '--all' && !names.includes(name))
  if (unknown.length > 0) throw new Error(`there is no recording ${unknown.join(', ')}; there are: ${names.join(', ')}`)
  const isWanted = (name: string) => asked.includes('--all') || asked.includes(name) || (asked.length === 0 && !existsSync(join(folder, `${name}.json`)))
  await mkdir(folder, { recursive: true })
  const wanted = names.filter(isWanted)
  if (wanted.length === 0) return
  const stage = await openStage({ identity: recorder, sites: ['dr'], hosts: ['db2'] })
  try {
    for (const name of wanted) await record(stage, name, recordings[name] as Recording)
  } finally {
    await stage.close()
  }
}

await main(process.argv.slice(2))
