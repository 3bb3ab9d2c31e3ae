import assert from 'node:assert/strict'
import { judgeChains, type SeenChain, type SeenRecord, type Witness } from '../../domain/audit-judgement.ts'

const hash = (sequence: number, variant = 'a') => `${variant}${sequence}`.padEnd(64, '0')
const zeros = '0'.repeat(64)

/** A whole chain of so many records, some of them changed. */
function chain(store: string, length: number, changes: Readonly<Record<number, Partial<SeenRecord> | null>> = {}, site = 'primary'): SeenChain {
  const records = Array.from({ length }, (_, index): SeenRecord => {
    const sequence = index + 1
    return { sequence, sha256: hash(sequence), previous: sequence === 1 ? zeros : hash(sequence - 1), problem: null }
  })
  return { store, site, records: records.flatMap((one) => (changes[one.sequence] === null ? [] : [{ ...one, ...changes[one.sequence] }])) }
}

const says = (who: string, sequence: number, sha256 = hash(sequence), site = 'primary'): Witness => ({ who, head: { site, sequence, sha256 } })
const judged = (chains: readonly SeenChain[], witnesses: readonly Witness[] = []) =>
  judgeChains(chains, witnesses).map(({ kind, store, what }) => `${kind} ${store ?? 'all'}: ${what.split(':')[0]}`)

describe('audit chains', () => {
  it('are whole where every record follows the one before it, in each store, as everybody says', () => {
    assert.deepEqual(
      judged([chain('local', 3), chain('nas', 3), chain('local', 1, {}, 'dr')], [says('evidence', 2), says('host', 3), says('you', 1, hash(1), 'dr')]),
      [],
    )
    assert.deepEqual(judged([], []), [])
  })

  it('are told of for an edited record, once, and not for the one that follows it', () => {
    const edited = { 2: { previous: null, problem: 'the signature is not of this text', sha256: hash(2, 'b') } }
    assert.deepEqual(judged([chain('local', 3, edited)], [says('host', 2)]), ['edited local: record 2 of site primary is not what was signed'])
  })

  it('are told of for a record that is missing between others', () => {
    assert.deepEqual(judged([chain('local', 4, { 2: null, 3: null })]), [
      'missing local: record 2 of site primary is missing',
      'missing local: record 3 of site primary is missing',
    ])
  })

  it('are told of for a record that was signed anew and replaced, by what follows it', () => {
    assert.deepEqual(judged([chain('local', 3, { 2: { sha256: hash(2, 'b') } })]), ['replaced local: record 3 of site primary does not follow record 2'])
    assert.deepEqual(judged([chain('local', 2, { 1: { previous: hash(9) } })]), ['replaced local: record 1 of site primary does not follow record 0'])
  })

  it('are told of for the newest record that was replaced, by the other store or a witness', () => {
    const replaced = { 3: { sha256: hash(3, 'b') } }
    assert.deepEqual(judged([chain('local', 3), chain('nas', 3, replaced)]), ['replaced nas: record 3 of site primary is another one than in local'])
    assert.deepEqual(judged([chain('local', 3, replaced)], [says('evidence', 3)]), ['replaced all: record 3 of site primary was replaced'])
  })

  it('are told of for an end that was cut in one store, by the other', () => {
    assert.deepEqual(judged([chain('local', 3), chain('nas', 1)]), ['behind nas: the chain of site primary ends at record 1, in local at 3'])
    assert.deepEqual(judged([chain('local', 3), chain('nas', 0)]), [
      'behind nas: nothing is there of the chain of site primary, which ends at record 3 in local',
    ])
  })

  it('are told of once for an end that was cut in all, however many say so', () => {
    const [only, ...more] = judgeChains([chain('local', 2), chain('nas', 2)], [says('one', 4), says('two', 5), says('three', 4)])
    assert.deepEqual(more, [])
    assert.match(only?.what ?? '', /^the end of the chain of site primary was cut: two names record 5 \(a50+\), the newest in any store is 2$/)
    assert.match(judgeChains([], [says('host', 1)])[0]?.what ?? '', /names record 1 .*, the newest in any store is none$/)
  })

  it('do not hold one site against another', () => {
    assert.deepEqual(judged([chain('local', 1), chain('local', 4, {}, 'dr')], [says('dr', 4, hash(4), 'dr')]), [])
  })
})
