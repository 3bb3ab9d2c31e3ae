/**
 * The script of a small shop: a database, a tree of uploads, a web service that runs and a mailer that does not,
 * three stores. Everything answers well; a case replaces what it is about. Names no machine.
 */
import type { DrillPlan, PlanDrillInput } from '../../activities/host/drill/plan-drill.ts'
import type { DnsPlan, DnsPlans } from '../../activities/site/dns/plan-dns.ts'
import type { BackupPlan } from '../../activities/site/plan-backup.ts'
import type { PlanRestoreInput, RestorePlan } from '../../activities/host/restore/types.ts'
import type { ComponentDecision, FilesDecision, PostgresqlDecision, RestoreDecision } from '../../domain/decision.ts'
import type { RecordSet } from '../../domain/dns.ts'
import { breachScript } from './breach-script.ts'
import { isPlanned, madeAfterStop } from '../../domain/move.ts'
import { noCounts } from '../../domain/shown-difference.ts'
import { defaultTimeLimits, type TimeLimits } from '../../domain/time-limits.ts'
import { type Script, sha256Of } from './scripted-activities.ts'

export const configHash = 'c0ffee'.padEnd(64, '0')

/** Long enough for a busy machine, short enough that nothing waits. */
export const shortLimits: TimeLimits = {
  heartbeatSeconds: 5,
  controlSeconds: 20,
  transferSeconds: 20,
  copySeconds: 20,
  agentSeconds: 10,
  retrySeconds: 0.02,
  notifySeconds: 5,
  correctionSeconds: 60,
}

const stores = [
  { store: 'local', offHost: false, offSite: false },
  { store: 'nas', offHost: true, offSite: false },
  { store: 'offsite', offHost: true, offSite: true },
] as const

export function shopBackupPlan(changes: Partial<BackupPlan> = {}): BackupPlan {
  const planned = { host: 'localhost', stores }
  return {
    configHash,
    required: { total: 2, offHost: 1, offSite: 0 },
    waves: [[{ component: 'database', type: 'postgresql', ...planned }], [{ component: 'uploads', type: 'files', ...planned }]],
    limits: shortLimits,
    ...changes,
  }
}

export const database: PostgresqlDecision = {
  type: 'postgresql',
  component: 'database',
  host: 'localhost',
  directory: '/srv/shop/postgresql',
  port: null,
  identity: { systemIdentifier: '7412345678901234567', incarnation: 'a1b2c3d4e5f6' },
  running: true,
  fromStore: 'local',
  backup: '20261121T020000Z-d4t4',
  incarnation: 'a1b2c3d4e5f6',
  timelineId: 1,
  setAside: 'rename',
  tablespaces: [],
  walDirectory: null,
  safetyPath: null,
}

export const uploads: FilesDecision = {
  type: 'files',
  component: 'uploads',
  host: 'localhost',
  fromStore: 'local',
  backup: '20261121T020005Z-f1l3',
  members: [{ path: '/srv/shop/uploads', into: '/srv/shop/uploads', setAside: 'rename', safetyPath: null }],
  only: null,
  newerFiles: 'keep',
}

/** The same tree where it comes from another host. */
export const ruledUploads: FilesDecision = {
  ...uploads,
  newerFiles: 'discard',
  rules: { as: 'elsewhere', bring: 'all', never: ['host.conf'], substitute: [{ files: ['*.env'], replace: '10.0.1.5', with: '10.0.2.5' }] },
}

export interface ShopPlan {
  readonly decision?: Partial<RestoreDecision>
  readonly approvals?: Partial<RestoreDecision['approvals']>
  readonly limits?: Partial<TimeLimits>
  readonly commitAfterSeconds?: number
  readonly contacts?: RestorePlan['contacts']
  /** Where the newest commit that comes back is; and where it is when the plan is made again. */
  readonly promised?: { readonly lsn: string; readonly againLsn: string }
  /** Later WAL was found at the old side. */
  readonly tail?: true
  /** What has to be accepted before a move begins. */
  readonly beyond?: string
  /** Until an approval is waited for. */
  readonly expirySeconds?: number
}

/** A `planRestore` that decides what the input asks for, and the same again when it is pinned. */
export function shopRestorePlan(shop: ShopPlan = {}): (input: PlanRestoreInput) => RestorePlan {
  return (input) => {
    const decision = input.pinned ?? decide(input, shop)
    return {
      decision,
      decisionHash: sha256Of(decision),
      forecast: {
        key: `forecasts/shop/20261121T022000Z-${'f0'.repeat(8)}.json`,
        sha256: 'f0'.repeat(32),
        stores: ['local', 'nas', 'offsite'],
        takenAt: '2026-11-21T02:20:00.000Z',
        omitted: 0,
        recoveryPoint: [
          {
            component: 'database',
            at: '2026-11-21T02:14:00.000000Z',
            ...promisedLsn(shop, input.pinned !== null),
            ...(shop.tail && { tail: true as const }),
            skewSeconds: 0,
            why: 'asked for',
          },
        ],
        newestReachableAt: '2026-11-21T02:20:00.000000Z',
        loss: { now: 'about 30 s', afterTail: 'nothing that was committed', nowSeconds: 30, afterTailSeconds: 0 },
        tailSources: [{ source: 'running server', found: true, detail: '/srv/shop/postgresql' }],
        durationSeconds: 12.5,
        durationBasis: 'assumed',
        space: [{ path: '/srv/shop', neededBytes: 50_000_000, freeBytes: 900_000_000 }],
        storesOut: [],
        ...(shop.beyond !== undefined && !input.move?.acceptLoss && { beyond: shop.beyond }),
        warnings: [],
      },
      limits: { ...shortLimits, ...shop.limits },
      commitAfterSeconds: shop.commitAfterSeconds ?? 0,
      keepSafetySetsSeconds: 7 * 24 * 3600,
      healthSeconds: 5,
      ...(shop.contacts && { contacts: shop.contacts }),
    }
  }
}

function promisedLsn({ promised }: ShopPlan, again: boolean): { readonly lsn?: string } {
  return promised ? { lsn: again ? promised.againLsn : promised.lsn } : {}
}

function decide(input: PlanRestoreInput, shop: ShopPlan): RestoreDecision {
  const tree = isPlanned(input.procedure) ? { ...uploads, backup: madeAfterStop } : uploads
  // Of a move, nothing runs yet where it goes to.
  const components: readonly ComponentDecision[] = [input.move ? { ...database, running: false } : database, tree]
  const state = input.move ? 'lost' : 'running'
  return {
    format: 'muster-decision-1',
    procedure: input.procedure,
    organisation: 'Example',
    system: input.system,
    configHash,
    target: input.target,
    mode: input.move ? 'move' : input.into ? 'elsewhere' : input.back === null ? 'in-place' : 'back',
    ...(input.move && { move: input.move }),
    components: components.filter(({ component }) => input.components?.includes(component) ?? true),
    services: [
      { name: 'web', host: 'localhost', state },
      { name: 'mailer', host: 'localhost', state: 'stopped' },
      { name: 'worker', host: 'localhost', state },
    ],
    stopFirst: input.stopFirst ?? false,
    steps: ['restore-aside', 'check-aside', 'plan-again', 'stop', 'save-tail', 'promote', 'swap', 'open'],
    pointOfNoReturn: 'open',
    bounds: { maxLossSeconds: null },
    openWith: input.openWith,
    approvals: { count: 0, accept: 'claimed', requesterMay: true, requester: input.requester, ...shop.approvals },
    expiresAt: input.expiresAt ?? new Date(Date.now() + (shop.expirySeconds ?? 3600) * 1000).toISOString(),
    ...shop.decision,
  }
}

export function shopDrillPlan(input: PlanDrillInput, changes: Partial<DrillPlan> = {}): DrillPlan {
  const target = { kind: 'latest' } as const
  const plan = shopRestorePlan()({
    procedure: 'drill',
    system: input.system,
    components: input.components,
    target,
    incarnation: null,
    from: null,
    into: { directory: '/srv/drills/1', port: null },
    path: null,
    back: null,
    openWith: [],
    newerFiles: null,
    stopFirst: false,
    requester: input.requester,
    expiresAt: null,
    configHash,
    observations: [],
    pinned: null,
  })
  const manifests = plan.decision.components.map(({ component }) => ({
    component,
    manifestSha256: sha256Of(component),
    endedAt: new Date(Date.now() - 60_000).toISOString(),
    checks: [{ name: 'select count(*) from orders', value: 9, ok: true, detail: '9' }],
  }))
  return { ...plan, kind: input.kind, objectives: { rpoSeconds: 3600, rtoSeconds: 600 }, why: 'the newest reachable moment', manifests, ...changes }
}

const shopAddresses: Readonly<Record<string, string>> = { primary: '192.0.2.1', dr: '198.51.100.1' }

/** One record that leads to the site `primary`, changed without a hindrance. */
export function shopDnsPlan(toSite = 'dr', changes: Partial<DnsPlan> = {}): DnsPlans {
  const set = (site: string): RecordSet => ({ name: 'app.shop.example.', type: 'A', ttlSeconds: 60, values: [shopAddresses[site] ?? '198.51.100.9'] })
  const record = 'app.shop.example. A'
  const plan: DnsPlan = {
    record,
    change: { record, provider: 'route53', expected: set('primary'), wanted: set(toSite) },
    inPlace: toSite === 'primary',
    holdsSite: 'primary',
    proven: ['the key may change app.shop.example. A'],
    problems: [],
    warnings: [],
    untried: ['whether a change reaches every name server of the zone'],
  }
  return { records: [{ ...plan, ...changes }] }
}

function shopStandbyStep(system: string) {
  return {
    system,
    component: 'database',
    configHash,
    run: 'standby:5eed5eed',
    target: { kind: 'latest' },
    mode: 'standby',
    identityFile: null,
    decision: database,
    seed: '5eed5eed',
  } as const
}

/** From the first site to the other, all on one host. */
const shopMoveScope: Script['scopeMove'] = ({ suspects }) => ({
  configHash,
  hosts: ['localhost'],
  components: [
    { component: 'database', host: 'localhost' },
    { component: 'uploads', host: 'localhost' },
  ],
  services: ['web', 'mailer', 'worker'].map((service) => ({ service, host: 'localhost' })),
  from: 'primary',
  to: 'dr',
  source: {
    databases: [{ component: 'database', host: 'localhost' }],
    services: ['web', 'mailer', 'worker'].map((service) => ({ service, host: 'localhost' })),
  },
  sourceComponents: [
    { component: 'database', host: 'localhost' },
    { component: 'uploads', host: 'localhost' },
  ],
  fence: suspects ? ['command', 'people'] : ['agents', 'people'],
  ...(suspects && { breach: { rotate: { roles: [{ component: 'database', role: 'shop' }], commands: ['session-key'] }, review: ['the access logs'] } }),
  limits: shortLimits,
})

export function shopScript(changes: Partial<Script> = {}): Script {
  return {
    planBackup: () => shopBackupPlan(),
    produceBackup: ({ component }) => ({
      backup: `20261121T020000Z-${component}`,
      startedAt: '2026-11-21T02:00:00.000Z',
      endedAt: '2026-11-21T02:00:04.000Z',
      objects: 3,
      sizeBytes: 4_000_000,
      plainSizeBytes: 10_000_000,
      swept: 0,
      stopPoint: component === 'database' ? '0/3000100' : null,
    }),
    publishCopy: ({ store, backup }) => ({
      store,
      backup,
      manifestSha256: sha256Of([store, backup]),
      objects: 3,
      sizeBytes: 4_000_000,
      sweptAttempts: [],
    }),
    planDns: ({ toSite }) => shopDnsPlan(toSite),
    changeDns: ({ record, toSite, expected }) => ({
      record,
      outcome: 'changed',
      changeId: 'C1',
      wanted: { ...expected, values: [shopAddresses[toSite] ?? expected.values[0] ?? ''] },
      detail: `${record} changed`,
      at: '2026-11-21T02:30:00.000Z',
    }),
    observeDns: ({ record }) => ({
      record,
      everywhere: true,
      changed: ['ns1.shop.example.', 'ns2.shop.example.'],
      missing: [],
      owed: [],
      summary: '2 of 2 servers that count have the new answer',
      provider: 'settled',
      looks: 1,
      at: '2026-11-21T02:30:02.000Z',
    }),
    ...breachScript(shopMoveScope),
    releaseStaging: () => ({ released: true }),
    payDebts: () => ({ paid: [], owed: [] }),
    archiveRuns: () => ({
      site: 'primary',
      archived: 3,
      routine: 4,
      records: 1,
      head: { site: 'primary', sequence: 12, sha256: sha256Of('record 12') },
      remarks: [],
      behind: [],
    }),
    judgeHealth: () => ({ configHash, word: 'protected', lostNowSeconds: 2, reasons: [], lastProvenAt: null, failoverTo: null, limits: defaultTimeLimits }),
    installConfig: () => ({ configHash, number: 3, isNew: true }),
    notifyPeople: () => ({ delivered: ['log'], failed: [] }),
    planDrill: (input) => shopDrillPlan(input),
    smokeDrill: () => ({ seconds: 0.1 }),
    releaseDrill: () => ({ released: true }),
    writeEvidence: ({ evidence }) => ({ key: `evidence/${evidence.system}/1.json`, sha256: sha256Of(evidence), stores: ['local', 'nas'], failed: [] }),
    verifyApproval: ({ statement }) => ({ key: `SHA256:${statement.person}` }),
    archiveWal: ({ component }) => ({
      component,
      incarnation: 'a1b2c3d4e5f6',
      requiredLsn: '0/3000100',
      lastCommitAt: '2026-11-21T02:14:00.000000Z',
      stores: stores.map(({ store }) => ({ store, shippedLsn: '0/3000100', lagSeconds: 2, problem: null })),
      gaps: [],
    }),
    scopeRestore: () => ({
      configHash,
      hosts: ['localhost'],
      components: [
        { component: 'database', host: 'localhost' },
        { component: 'uploads', host: 'localhost' },
      ],
      services: ['web', 'mailer', 'worker'].map((service) => ({ service, host: 'localhost' })),
    }),
    scopeMove: shopMoveScope,
    scopeProbes: () => ({
      configHash,
      hosts: ['localhost'],
      quorum: 1,
      failures: 1,
      everySeconds: 60,
      check: 'service web',
      sites: ['primary', 'dr'],
      active: 'primary',
      warm: false,
      changing: null,
      limits: { ...shortLimits, agentSeconds: 0.3 },
      contacts: [],
    }),
    probeService: () => ({ reached: true, detail: 'answers 200' }),
    scopeSite: ({ site }) => ({
      configHash,
      systems: [{ system: 'shop', priority: 'P1', to: 'primary', hosts: ['localhost'], rtoSeconds: 600 }],
      leftOut: [{ system: 'wiki', priority: 'P3', why: 'active elsewhere', detail: `it is not at site ${site}` }],
      perHost: 2,
      limits: shortLimits,
    }),
    scopeStandby: () => ({ configHash, activeHere: false, databases: [{ component: 'database', host: 'localhost' }], limits: shortLimits }),
    planStandby: ({ system }) => ({ step: shopStandbyStep(system), seeds: false, why: 'the standby of backup 20261121T020000Z-d4t4' }),
    seedStandby: () => ({ restoredBytes: 10_000_000, seconds: 1.5 }),
    catchUpStandby: () => ({ replayedLsn: '0/4000100', lastCommitAt: '2026-11-21T02:14:00.000000Z' }),
    adoptStandby: () => ({ adopted: true, restoredBytes: 0, seconds: 0.1 }),
    runFence: () => ({ by: 'command', detail: 'power is-off holds', at: '2026-11-21T02:21:00.000Z' }),
    tryFence: () => ({ problem: null }),
    moveSchedules: () => ({ changed: ['muster/example/shop/daily'] }),
    takeOver: () => ({ controlIncarnation: 2 }),
    giveBack: ({ from }) => ({ site: from }),
    observeTargets: () => [],
    planRestore: shopRestorePlan(),
    proveRestorable: () => ({ warnings: [] }),
    restoreDatabaseAside: () => ({ restoredBytes: 10_000_000, seconds: 1.5 }),
    restoreTreeAside: () => ({ restoredBytes: 2_000_000, seconds: 0.5 }),
    prefetchWal: () => ({ segments: 2, untilLsn: '0/5000000', lastCommitAt: '2026-11-21T02:14:00.000000Z', sizeBytes: 32_000_000 }),
    holdAtTarget: () => ({ replayedLsn: '0/4000100', lastCommitAt: '2026-11-21T02:14:00.000000Z' }),
    checkRestored: ({ where }) => ({ checks: [{ name: `orders (${where})`, value: 20, ok: true, detail: '20 is at least 1' }] }),
    saveTail: () => ({
      sources: [{ source: 'stopped server', found: true, detail: '/srv/shop/postgresql/pg_wal' }],
      untilLsn: '0/5000100',
      lastCommitAt: '2026-11-21T02:20:00.000000Z',
      stores: ['local', 'nas', 'offsite'],
      stopped: { lsn: '0/5000180', at: '2026-11-21T02:20:01.000Z' },
    }),
    replayTail: ({ untilLsn }) => ({ replayedLsn: untilLsn, lastCommitAt: '2026-11-21T02:20:00.000000Z' }),
    promoteAside: () => ({ timelineId: 2, forkLsn: '0/5000100', lastCommitAt: '2026-11-21T02:20:00.000000Z' }),
    keepNewerFiles: () => ({ copied: 1, sizeBytes: 100 }),
    compareTree: ({ component, decision }) => ({
      component,
      host: 'localhost',
      backup: decision.backup,
      counts: { ...noCounts, removed: 1, same: 40 },
      keptBytes: 0,
      takenAt: '2026-11-21T02:20:00.000Z',
      problem: null,
      key: `differences/shop/20261121T022000Z-${'d1'.repeat(8)}.json.age`,
      sha256: 'd1'.repeat(32),
      stores: ['local'],
    }),
    applyTreeRules: () => ({
      carried: 2,
      carriedBytes: 40,
      leftOut: 3,
      substituted: [{ files: 1, replaced: 2 }],
      deviations: ['uploads: "10.0.1.6" stands in none of the 4 files named by *.env'],
    }),
    runAfter: () => ({ commands: 1 }),
    swapIn: ({ component, decision }) => {
      const paths = decision.type === 'postgresql' ? [decision.directory] : decision.members.map(({ path }) => path)
      return {
        safety: paths.map((path) => ({ path, safetyPath: `/srv/shop/.muster-shop-${component}/1`, sizeBytes: 10_000_000 })),
        seconds: 0.01,
      }
    },
    swapBack: () => ({ members: 1 }),
    startClosed: () => ({ timelineId: 2 }),
    stopClosed: () => ({ state: 'stopped' }),
    protectAgain: ({ incarnation }) => ({ incarnation, stores: ['local', 'nas', 'offsite'] }),
    protectOld: () => ({ incarnation: 'a1b2c3d4e5f6' }),
    openDatabase: () => ({ timelineId: 2 }),
    startOldDatabase: () => ({ started: true }),
    stopDatabase: () => ({ state: 'stopped' }),
    startService: () => ({ state: 'running' }),
    stopService: () => ({ state: 'stopped' }),
    awaitHealthy: () => ({ seconds: 0.2 }),
    keepSafetySet: ({ component, safety }) => ({ kept: safety.map((member) => ({ component, ...member })) }),
    placeElsewhere: () => ({ directories: ['/srv/copy'] }),
    discardAside: () => ({ discarded: true }),
    ...changes,
  }
}
