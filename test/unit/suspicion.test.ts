import assert from 'node:assert/strict'
import { compareInventories, differenceLines, type InventoryItem } from '../../domain/breach.ts'
import { foldRecords } from '../../domain/control-state.ts'
import type { ControlBody, ControlRecord, Suspicion } from '../../domain/repository-format.ts'
import { suspectText } from '../../domain/suspicion.ts'

const noted: Suspicion = { run: 'target/shop:1', since: '2026-11-21T02:14:00.000000Z', hosts: ['db1'], notedAt: '2026-11-21T06:00:00.000Z' }
const before = { host: 'db1', keyValidFrom: '2026-01-01T00:00:00.000Z', at: '2026-11-21T02:13:59.000Z' }
const after = { ...before, at: '2026-11-21T02:14:00.001Z' }

function fold(...bodies: readonly (ControlBody & { readonly writer?: string })[]): readonly Suspicion[] {
  return foldRecords(
    bodies.map(({ writer = 'control', ...body }, index) => ({
      format: 'muster-record-1',
      organisation: 'Test',
      system: 'shop',
      sequence: index + 1,
      previous: '',
      at: `2026-11-22T00:00:0${index}.000Z`,
      by: writer,
      body: body as ControlBody,
    })) satisfies readonly ControlRecord[],
  ).suspicions
}

describe('what a host under suspicion has signed', () => {
  it('counts up to the moment, and not after it', () => {
    assert.equal(suspectText([noted], before), null)
    assert.match(suspectText([noted], after) ?? '', /signed at 2026-11-21T02:14:00.001Z by the key of db1.*no recovery point/)
  })

  it('counts where another host signed it, or nobody knows who', () => {
    assert.equal(suspectText([noted], { ...after, host: 'dr1' }), null)
    assert.equal(suspectText([noted], { ...after, host: null }), null)
  })

  it('counts again where the host was given another key since it was noted', () => {
    assert.equal(suspectText([noted], { ...after, keyValidFrom: '2026-11-21T07:00:00.000Z' }), null)
    assert.notEqual(suspectText([noted], { ...after, keyValidFrom: '2026-11-21T03:00:00.000Z' }), null, 'the intruder may have made it')
  })

  it('counts again when it is lifted by the control key; of a host made anew from then on', () => {
    const suspicion: ControlBody = { kind: 'suspicion', ...noted }
    const lifted: ControlBody = { kind: 'suspicion-lifted', run: noted.run, by: 'alice', reason: 'the auditors' }
    assert.deepEqual(fold(suspicion, lifted), [])
    assert.equal(fold(suspicion, { ...lifted, writer: 'db1' }).length, 1)
    const rebuilt = fold(suspicion, { ...lifted, rebuilt: true })
    assert.notEqual(suspectText(rebuilt, after), null)
    assert.equal(suspectText(rebuilt, { ...after, at: '2026-11-22T00:00:02.000Z' }), null)
  })
})

describe('what was changed since a recovery point', () => {
  const item = (name: string, fingerprint = 'a', kind: InventoryItem['kind'] = 'role'): InventoryItem => ({ kind, component: 'database', name, fingerprint })

  it('is told by name: added, changed, removed', () => {
    const difference = compareInventories([item('shop'), item('report'), item('old')], [item('shop'), item('report', 'b'), item('support')])
    assert.deepEqual(difference, {
      added: ['role database: support'],
      changed: ['role database: report'],
      removed: ['role database: old'],
      equal: 1,
    })
    assert.deepEqual(differenceLines(difference), ['added: role database: support', 'changed: role database: report', 'removed: role database: old'])
  })

  it('keeps things of one name and another kind or component apart', () => {
    const { added } = compareInventories([item('x')], [item('x'), item('x', 'a', 'function'), { ...item('x'), component: 'uploads' }])
    assert.deepEqual(added, ['function database: x', 'role uploads: x'])
  })

  it('is cut where it is long, and says so where it is nothing', () => {
    const many = Array.from({ length: 30 }, (_, index) => item(`r${String(index).padStart(2, '0')}`))
    assert.deepEqual(differenceLines(compareInventories([], many)).slice(-2), ['added: role database: r19', 'added: 10 more'])
    assert.deepEqual(differenceLines(compareInventories(many, many)), ['nothing of 30 roles, functions, keys and programs is different'])
  })
})
