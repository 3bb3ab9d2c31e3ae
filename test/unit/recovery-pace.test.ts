import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type BytesInTime, type ComponentTook, evidenceWith, type EvidenceStep } from '../../domain/evidence.ts'
import { durationText, joinedDuration } from '../../domain/forecast.ts'
import { assumedBytesPerSecond, smallBytes } from '../../domain/recovery-measures.ts'
import { durationBasis, expectDuration, type PastRun, type PlannedRecovery, type RecoveryAmount } from '../../domain/recovery-pace.ts'
import { wholeSeconds, withWaits } from '../../domain/run-time.ts'

const amount: RecoveryAmount = { component: 'database', host: 'db1', fromStore: 'local', dataBytes: 0, walBytes: 0, copiedBytes: 0, atRest: false }
const megabyte = 1e6

interface Told {
  readonly id: string
  readonly day?: number
  readonly took?: ComponentTook
  readonly host?: string
  readonly store?: string
  readonly steps?: readonly (readonly [string, number])[]
  readonly changes?: Partial<PastRun>
}

/** One run that restored the database aside and closed as a restore in place does. */
function past({ id, day = 1, took, host = 'db1', store = 'local', steps, changes = {} }: Told): PastRun {
  const declaredAt = new Date(Date.UTC(2026, 9, day)).toISOString()
  const aside = took ? Math.max(took.restored.seconds, took.walFetched?.seconds ?? 0) + (took.walReplayed?.seconds ?? 0) : 0
  const timed: readonly (readonly [string, number])[] = steps ?? [
    ['restore aside', aside],
    ['stop', 3],
    ['swap', 1],
    ['open', 6],
    ['health', 60],
    ['commit', 2],
  ]
  return {
    ...evidenceWith({
      system: 'shop',
      procedure: 'restoreSystem',
      kind: 'in-place',
      run: { workflowId: 'target/shop', runId: id },
      requestedBy: 'alice',
      outcome: 'succeeded',
      times: { declaredAt, approvedAt: null, dataReadyAt: null, serviceVerifiedAt: null, dnsObservedAt: null, endedAt: declaredAt },
      targets: [{ component: 'database', host, paths: [], identity: null }],
      steps: timed.map(([name, seconds]): EvidenceStep => ({ name, startedAt: declaredAt, seconds })),
      recovered: [
        { component: 'database', backup: 'b', manifestSha256: null, fromStore: store, incarnation: null, at: null, ...(took === undefined ? {} : { took }) },
      ],
    }),
    ...changes,
  }
}

const inPlace = (amounts: Partial<RecoveryAmount>): PlannedRecovery => ({ kind: 'in-place', procedure: null, amounts: [{ ...amount, ...amounts }] })
const speed = (bytes: number, seconds: number): BytesInTime => ({ bytes, seconds })

describe('the duration of a plan', () => {
  it('is assumed where nothing was restored yet, and says so', () => {
    const expected = expectDuration(inPlace({ dataBytes: 600 * megabyte }), [])
    assert.deepEqual([expected.seconds, expected.runs, expected.newestAt], [10 + 5 + 3, 0, null])
    const basis = durationBasis(expected, { records: 0, unread: [] })
    assert.equal(
      durationText({ durationSeconds: expected.seconds, durationBasis: basis }),
      'expected duration 18 s (assumed, never measured: nothing of this system was restored yet)',
    )
    assert.match(durationBasis(expected, { records: 2, unread: [] }), /^assumed, never measured: earlier runs left no measures/)
    assert.match(durationBasis(expected, { records: 0, unread: ['nas'] }), /^assumed: .* could not be read from nas$/)
  })

  it('follows the speeds of one earlier run: data and WAL beside each other, replay and closing steps after them', () => {
    const took = { restored: speed(1000 * megabyte, 50), walFetched: speed(200 * megabyte, 60), walReplayed: speed(200 * megabyte, 20) }
    const expected = expectDuration(inPlace({ dataBytes: 2000 * megabyte, walBytes: 400 * megabyte }), [past({ id: 'a', took })])
    assert.deepEqual([expected.preparingSeconds, expected.closingSeconds, expected.seconds], [120 + 40, 10, 170])
    assert.equal(durationBasis(expected, { records: 1, unread: [] }), 'measured in 1 run, newest 2026-10-01')
  })

  it('takes runs of the same host and store before others, and names what was measured elsewhere', () => {
    const here = past({ id: 'a', day: 1, took: { restored: speed(1000 * megabyte, 100) } })
    const there = past({ id: 'b', day: 9, host: 'db2', store: 'offsite', took: { restored: speed(1000 * megabyte, 10) } })
    const both = expectDuration(inPlace({ dataBytes: 1000 * megabyte }), [there, here])
    assert.equal(both.preparingSeconds, 100)
    const offsite = past({ id: 'c', day: 20, store: 'offsite', took: { restored: speed(1000 * megabyte, 400) } })
    const all = expectDuration(inPlace({ dataBytes: 1000 * megabyte }), [there, here, offsite])
    assert.deepEqual([all.preparingSeconds, all.notes], [100, []])
    const sameHost = expectDuration(inPlace({ dataBytes: 1000 * megabyte }), [there, offsite])
    assert.deepEqual([sameHost.preparingSeconds, sameHost.notes], [400, ['database as on db1 from offsite']])
    const only = expectDuration(inPlace({ dataBytes: 1000 * megabyte }), [there])
    assert.deepEqual([only.preparingSeconds, only.notes], [10, ['database as on db2 from offsite']])
  })

  it('knows how a kind of run ends only from runs of that kind', () => {
    const drill = past({ id: 'a', took: { restored: speed(1000 * megabyte, 50) }, changes: { procedure: 'drill', kind: 'restore' } })
    const expected = expectDuration(inPlace({ dataBytes: 1000 * megabyte }), [drill])
    assert.deepEqual([expected.preparingSeconds, expected.closingSeconds, expected.notes], [50, 8, ['the steps after restoring assumed']])
  })

  it('makes no speed of a small amount: what is more than it was comes at the assumed speed', () => {
    const small = past({ id: 'a', took: { restored: speed(megabyte, 2), walReplayed: speed(1000, 1) } })
    assert.equal(expectDuration(inPlace({ dataBytes: megabyte, walBytes: 1000 }), [small]).preparingSeconds, 3)
    const grown = expectDuration(inPlace({ dataBytes: megabyte, walBytes: 3000 * megabyte }), [small])
    // Fetched at the assumed 60 MB/s beside the data, and replayed at 30 MB/s on top of the second it took before.
    assert.equal(grown.preparingSeconds, 50 + 1 + 100)
    assert.deepEqual(grown.notes, ['WAL of database assumed'])
  })

  it('counts no run that did not bring everything back, and one that was only slow', () => {
    const took = { restored: speed(1000 * megabyte, 50) }
    const failed = past({ id: 'a', took, changes: { outcome: 'rolled-back' } })
    const slow = past({ id: 'b', took, changes: { outcome: 'degraded' } })
    assert.equal(expectDuration(inPlace({ dataBytes: megabyte }), [failed]).runs, 0)
    assert.equal(expectDuration(inPlace({ dataBytes: megabyte }), [slow]).runs, 1)
  })

  it('reads records of before anything was measured, and learns nothing from them', () => {
    const expected = expectDuration(inPlace({ dataBytes: 600 * megabyte }), [past({ id: 'a' })])
    assert.deepEqual([expected.seconds, expected.runs], [18, 0])
  })

  it('of a move is the longer of restoring and stopping the old side, and what follows; people are not counted', () => {
    const steps = [
      ['restore aside', 50],
      ['stop the old side', 4],
      ['fence', 3000],
      ['take over', 1],
      ['dns', 5],
      ['open', 6],
    ] as const
    const fence = { by: 'people', detail: '', at: '' } as const
    const took = { restored: speed(1000 * megabyte, 50) }
    const moved = past({ id: 'a', took, steps, changes: { procedure: 'failover', kind: null, move: { from: 'a', to: 'b', fence, dns: [] } } })
    const planned = { kind: 'move', procedure: 'failover', amounts: [{ ...amount, dataBytes: 1000 * megabyte }] } as const
    assert.equal(expectDuration(planned, [moved]).seconds, 62)
    assert.equal(wholeSeconds(moved), 62)
    const assumed = expectDuration({ ...planned, procedure: 'switchover', amounts: [{ ...amount, dataBytes: 600 * megabyte, atRest: true }] }, [])
    assert.equal(assumed.preparingSeconds, 25)
    // A failover stops nothing that is backed up meanwhile; one planned move is as another.
    const back = past({ id: 'b', took, steps: [...steps, ['final trees', 70]], changes: { procedure: 'failback', kind: null } })
    const over = expectDuration({ ...planned, procedure: 'switchover' }, [moved, back])
    assert.deepEqual([over.preparingSeconds, over.notes], [4 + 3000 + 70, []])
    assert.equal(expectDuration(planned, [moved, back]).preparingSeconds, 50)
  })

  it('of components that are planned one by one is that of the slowest, with what is known of each', () => {
    const one = (name: string, seconds: number, runs: number) => ({
      durationSeconds: seconds + 4,
      durationBasis: `basis of ${name}`,
      durationFrom: { preparingSeconds: seconds, closingSeconds: 4, runs, newestAt: runs === 0 ? null : '2026-11-20T00:00:00.000Z', notes: [`${name} noted`] },
    })
    const joined = joinedDuration([one('database', 30, 2), one('uploads', 50, 0)])
    assert.equal(joined.durationSeconds, 54)
    assert.equal(joined.durationBasis, 'measured in 2 runs, newest 2026-11-20; database noted; uploads noted')
    assert.equal(joinedDuration([one('database', 30, 0), one('uploads', 50, 0)]).durationBasis, 'basis of database')
  })

  it('leaves out what a person was waited for', () => {
    const at = '2026-10-01T00:00:00.000Z'
    const steps = withWaits([{ name: 'protect again', startedAt: at, seconds: 100 }], [{ startedAt: '2026-10-01T00:00:05.000Z', seconds: 90 }])
    assert.equal(wholeSeconds({ procedure: 'restoreSystem', steps, move: null }), 10)
    assert.equal(withWaits(steps, [{ startedAt: '2026-10-01T01:00:00.000Z', seconds: 9 }])[0]?.waitedSeconds, 90)
  })
})

describe('forecasting, whatever was measured', () => {
  const seconds = fc.double({ min: 0.01, max: 1e5, noNaN: true })
  const bytes = fc.integer({ min: 0, max: 5e12 })
  const measure = fc.record({ bytes, seconds })
  const took = fc.record({ restored: measure, walFetched: measure, walReplayed: measure }, { requiredKeys: ['restored'] })
  const run = fc
    .record({ took, day: fc.integer({ min: 1, max: 28 }), host: fc.constantFrom('db1', 'db2'), store: fc.constantFrom('local', 'offsite') })
    .map((told) => ({ ...told, id: `${told.day}-${told.took.restored.bytes}-${told.took.restored.seconds}` }))
  const runs = fc.uniqueArray(run, { maxLength: 12, selector: ({ id }) => id }).map((all) => all.map(past))
  const planned = fc.record({ dataBytes: bytes, walBytes: bytes }).map(inPlace)

  it('gives a finite time, from no more runs than there are, and counts at most five of each kind of measure', () => {
    fc.assert(
      fc.property(planned, runs, (plan, earlier) => {
        const expected = expectDuration(plan, earlier)
        assert.ok(Number.isFinite(expected.seconds) && expected.seconds >= 0, String(expected.seconds))
        assert.ok(expected.runs <= Math.min(10, earlier.length))
        assert.equal(expected.newestAt === null, expected.runs === 0)
      }),
    )
  })

  it('does not depend on the order in which records were read', () => {
    fc.assert(fc.property(planned, runs, (plan, earlier) => assert.deepEqual(expectDuration(plan, earlier), expectDuration(plan, [...earlier].reverse()))))
  })

  it('never takes less time for more data', () => {
    fc.assert(
      fc.property(bytes, bytes, bytes, runs, (a, b, walBytes, earlier) => {
        const of = (dataBytes: number) => expectDuration(inPlace({ dataBytes, walBytes }), earlier).seconds
        // No data at all is nothing to restore.
        assert.ok(of(Math.max(a, b, 1)) >= of(Math.max(1, Math.min(a, b))) - 0.1)
      }),
    )
  })

  it('expects the same run again to take what it took', () => {
    fc.assert(
      fc.property(run, fc.double({ min: 0, max: 500, noNaN: true }), (told, between) => {
        const first = past(told)
        const steps = first.steps.map((step) => (step.name === 'restore aside' ? { ...step, seconds: step.seconds + between } : step))
        const wal = told.took.walReplayed?.bytes ?? told.took.walFetched?.bytes ?? 0
        fc.pre(told.took.restored.bytes > 0 && (told.took.walFetched?.bytes ?? wal) === wal)
        const again = expectDuration(inPlace({ dataBytes: told.took.restored.bytes, walBytes: wal, host: told.host, fromStore: told.store }), [
          { ...first, steps },
        ])
        const whole = wholeSeconds({ ...first, steps }) ?? 0
        // WAL of which one half was not measured is assumed.
        const assumed = (told.took.walFetched === undefined ? wal / assumedBytesPerSecond : 0) + (told.took.walReplayed === undefined ? wal / 30e6 : 0)
        assert.ok(Math.abs(again.seconds - whole) <= assumed + 0.2 + whole * 1e-9, `${again.seconds} after ${whole}`)
      }),
    )
  })

  it('of equal runs lies between the quickest and the slowest', () => {
    const times = fc.array(seconds, { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(times, fc.integer({ min: smallBytes, max: 5e12 }), (all, dataBytes) => {
        const earlier = all.map((one, index) => past({ id: `${index}`, day: index + 1, took: { restored: speed(dataBytes, one) } }))
        const { preparingSeconds } = expectDuration(inPlace({ dataBytes }), earlier)
        assert.ok(preparingSeconds >= Math.min(...all) - 0.1 && preparingSeconds <= Math.max(...all) + 0.1)
      }),
    )
  })
})
