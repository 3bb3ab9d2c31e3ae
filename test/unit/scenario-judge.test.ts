import assert from 'node:assert/strict'
import { judge, type Measured } from '../../scripts/scenario/judge.ts'
import { lookForLostIn, present } from '../../scripts/scenario/lost.ts'
import { parseOptions } from '../../scripts/scenario/options.ts'

const good: Measured = {
  primary: 'partitioned',
  mode: 'restore',
  temporalAt: 'the third place',
  databaseBytes: 1,
  approvalToDnsSeconds: 10,
  askedToDnsSeconds: 20,
  approvalToServiceSeconds: 11,
  restoreRatioToBare: 1.3,
  bare: { copySeconds: 1, commandsSeconds: 7, totalSeconds: 8 },
  steps: [],
  markersLost: 3,
  secondsLost: 10,
  markersBeforeCut: 100,
  fencedSideCommits: 50,
  fence: { proven: true, by: 'people', archivedBeyondFenceUsed: false, oldPrimaryServedAfterReturn: false, oldPrimaryTookDns: false },
  afterReturn: {
    healedAt: '2026-11-25T00:00:00.000Z',
    stoppedSeconds: 20,
    commitsUntilStopped: 5,
    outsideAnswersUntilStopped: 1,
    outsideAnswersAfterwards: 0,
    commitsAfterwards: 0,
    guard: { exitCode: 37, said: '' },
    diverged: { before: 40, after: 13, incomplete: null },
    archivedBeyondFence: 2,
  },
  staleNameServerSeconds: 1,
  failback: { markersLost: 0, markersExpected: 200, seconds: 12 },
  rollback: { seconds: 3, startSeconds: 1, ordersLost: 0 },
  evidenceVerified: true,
  evidenceProblem: null,
}

const failing = (run: Measured) => judge(run).flatMap(({ ok, name }) => (ok ? [] : [name]))
const returned = (more: Partial<Measured['afterReturn']>): Measured => ({ ...good, afterReturn: { ...good.afterReturn, ...more } })
const fenced = (more: Partial<Measured['fence']>): Measured => ({ ...good, fence: { ...good.fence, ...more } })

describe('the two-site scenario', () => {
  it('holds where every figure is at its target', () => {
    assert.deepEqual(failing(good), [])
    assert.equal(judge(good).length, 13)
    assert.deepEqual(failing({ ...good, primary: 'killed', rollback: null, fencedSideCommits: 0, afterReturn: { ...good.afterReturn, diverged: null } }), [])
  })

  const bad: readonly (readonly [RegExp, Measured])[] = [
    [/approval to the new DNS/, { ...good, restoreRatioToBare: 1.31 }],
    [/approval to the new DNS/, { ...good, restoreRatioToBare: Number.NaN }],
    [/approval to the new DNS/, { ...good, mode: 'warm', approvalToDnsSeconds: 60.1 }],
    [/back after a check/, { ...good, rollback: { seconds: 11.5, startSeconds: 1, ordersLost: 0 } }],
    [/back after a check/, { ...good, rollback: { seconds: 3, startSeconds: 1, ordersLost: 1 } }],
    [/before the cut/, { ...good, secondsLost: 10.1 }],
    [/before the cut/, { ...good, markersBeforeCut: 0 }],
    [/went on committing/, { ...good, fencedSideCommits: 0 }],
    [/went on committing/, returned({ archivedBeyondFence: 0 })],
    [/fence was proven/, fenced({ proven: false })],
    [/was used/, fenced({ archivedBeyondFenceUsed: true })],
    [/was stopped when/, returned({ stoppedSeconds: 20.1 })],
    [/may not start/, returned({ guard: { exitCode: 0, said: '' } })],
    [/may not start/, returned({ guard: { exitCode: 61, said: '' } })],
    [/did not serve/, fenced({ oldPrimaryServedAfterReturn: true })],
    [/did not take DNS/, fenced({ oldPrimaryTookDns: true })],
    [/diverged/, returned({ diverged: { before: 40, after: 12, incomplete: null } })],
    [/diverged/, returned({ diverged: { before: 40, after: 13, incomplete: 'WAL is missing' } })],
    [/failback/, { ...good, failback: { markersLost: 1, markersExpected: 200, seconds: 12 } }],
    [/failback/, { ...good, failback: { markersLost: 0, markersExpected: 0, seconds: 12 } }],
    [/evidence/, { ...good, evidenceVerified: false, evidenceProblem: 'cut' }],
  ]
  for (const [index, [name, run]] of bad.entries()) {
    it(`does not hold where one figure misses its target: ${index + 1}, ${name.source}`, () => {
      const names = failing(run)
      assert.equal(names.length, 1, names.join(', '))
      assert.match(names[0] ?? '', name)
    })
  }

  it('counts what was lost from the last marker that is there, with holes before it', () => {
    const markers = [1, 2, 3, 4].map((number) => ({ number, sentAt: number * 1000, ackedAt: number * 1000 + 5 }))
    assert.deepEqual({ ...lookForLostIn(new Set([1, 3]), markers), found: null }, { expected: 4, markersLost: 2, secondsLost: 1, found: null })
    assert.equal(lookForLostIn(new Set([1, 2, 3, 4]), markers).secondsLost, 0)
    assert.equal(lookForLostIn(new Set(), markers).secondsLost, Infinity)
    assert.equal(present(markers, new Set([4, 9])), 1)
  })

  it('takes only words that it knows', () => {
    const killed = { loss: 'killed', mode: 'warm' }
    assert.deepEqual(parseOptions(['two-sites']), {
      megabytes: 1000,
      keep: false,
      stop: false,
      runs: [killed, { loss: 'partitioned', mode: 'restore' }],
    })
    assert.deepEqual(parseOptions(['two-sites', '--primary', 'killed', '--megabytes', '10', '--keep']).runs, [killed])
    assert.deepEqual(
      parseOptions(['two-sites', '--mode', 'restore']).runs.map(({ mode }) => mode),
      ['restore', 'restore'],
    )
    for (const [words, message] of [
      [[], /name a scenario/],
      [['three-sites'], /no scenario "three-sites"/],
      [['two-sites', '--fast'], /no option --fast/],
      [['two-sites', '--megabytes', '0'], /--megabytes takes/],
      [['two-sites', '--megabytes'], /not nothing/],
      [['two-sites', '--primary', 'gone'], /killed or partitioned, not gone/],
      [['two-sites', '--mode', 'cold'], /warm or restore, not cold/],
    ] as const) {
      assert.throws(() => parseOptions(words), message)
    }
  })
})
