import assert from 'node:assert/strict'
import { lossBeyond } from '../../activities/host/restore/loss-beyond.ts'

type Arguments = Parameters<typeof lossBeyond>

const move = { acceptLoss: false } as NonNullable<Arguments[0]['move']>
const input = (changes: Partial<Arguments[0]> = {}) => ({ move, pinned: null, ...changes }) as Arguments[0]

function system(maxLossSeconds: number | undefined, approvals: number, rpoSeconds: number | undefined): Arguments[1] {
  const rule = { count: approvals }
  return { failover: { maxLossSeconds }, restore: { approvals: rule }, objectives: { rpoSeconds } } as unknown as Arguments[1]
}

function plans(type: 'postgresql' | 'files', afterTailSeconds: number | null): Arguments[2] {
  return [{ decision: { type }, loss: { afterTail: 'database: commits after 02:14', afterTailSeconds } }] as unknown as Arguments[2]
}

describe('a loss that has to be accepted', () => {
  it('is one beyond maxLoss, also where its time is not known', () => {
    assert.match(lossBeyond(input(), system(300, 2, 60), plans('postgresql', 301)) ?? '', /up to 5 min 1 s of commits would be lost, and maxLoss is 5 min/)
    assert.match(lossBeyond(input(), system(300, 2, 60), plans('postgresql', null)) ?? '', /an unknown time/)
    assert.equal(lossBeyond(input(), system(300, 2, 60), plans('postgresql', 300)), null)
  })

  it('is one beyond the objective where nothing else bounds it and nobody approves', () => {
    assert.match(lossBeyond(input(), system(undefined, 0, 60), plans('postgresql', 61)) ?? '', /the objective is 1 min/)
    assert.equal(lossBeyond(input(), system(undefined, 1, 60), plans('postgresql', 61)), null, 'who approves has seen it')
    assert.equal(lossBeyond(input(), system(undefined, 0, undefined), plans('postgresql', null)), null)
  })

  it('is none of trees, of what moves nothing, of what was accepted, and of a plan that is made again', () => {
    assert.equal(lossBeyond(input(), system(300, 0, 60), plans('files', 999)), null)
    assert.equal(lossBeyond({ pinned: null } as Arguments[0], system(300, 0, 60), plans('postgresql', 999)), null)
    assert.equal(lossBeyond(input({ move: { ...move, acceptLoss: true } }), system(300, 0, 60), plans('postgresql', 999)), null)
    assert.equal(lossBeyond(input({ pinned: {} as NonNullable<Arguments[0]['pinned']> }), system(300, 0, 60), plans('postgresql', 999)), null)
  })
})
