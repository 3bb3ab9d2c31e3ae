/** Whether audit chains are whole: what each store has, held against itself, the other stores, and whoever names a record. */
import { type AuditHead, noPreviousRecord } from './audit.ts'

export interface SeenRecord {
  readonly sequence: number
  /** Of the text as it lies there. */
  readonly sha256: string
  /** Hash that it names; null where it cannot be believed. */
  readonly previous: string | null
  readonly problem: string | null
}

export interface SeenChain {
  readonly store: string
  readonly site: string
  /** By number. */
  readonly records: readonly SeenRecord[]
}

/** Who names a record: evidence, a chain of another site, a host, a person. */
export interface Witness {
  readonly who: string
  readonly head: AuditHead
}

export type AuditProblemKind = 'edited' | 'missing' | 'cut' | 'replaced' | 'behind' | 'unnamed' | 'unanswered'

export interface AuditProblem {
  readonly kind: AuditProblemKind
  /** Null where it concerns none by itself. */
  readonly store: string | null
  readonly what: string
}

export function judgeChains(chains: readonly SeenChain[], witnesses: readonly Witness[]): readonly AuditProblem[] {
  const sites = [...new Set([...chains.map(({ site }) => site), ...witnesses.map(({ head }) => head.site)])].sort()
  return sites.flatMap((site) => {
    const mine = chains.filter((chain) => chain.site === site)
    return [
      ...mine.flatMap(judgeAlone),
      ...judgeAgainstEachOther(site, mine),
      ...judgeWitnesses(
        mine,
        witnesses.filter(({ head }) => head.site === site),
      ),
    ]
  })
}

function newestOf(records: readonly SeenRecord[]): number {
  return records.at(-1)?.sequence ?? 0
}

function judgeAlone({ store, site, records }: SeenChain): readonly AuditProblem[] {
  const byNumber = new Map(records.map((record) => [record.sequence, record]))
  const problems: AuditProblem[] = []
  for (let sequence = 1; sequence <= newestOf(records); sequence++) {
    const record = byNumber.get(sequence)
    if (!record) {
      problems.push({ kind: 'missing', store, what: `record ${sequence} of site ${site} is missing: later ones are there` })
      continue
    }
    if (record.problem !== null) {
      problems.push({ kind: 'edited', store, what: `record ${sequence} of site ${site} is not what was signed: ${record.problem}` })
      continue
    }
    const before = byNumber.get(sequence - 1)
    const expected = sequence === 1 ? noPreviousRecord : before && before.problem === null ? before.sha256 : null
    if (expected !== null && record.previous !== expected) {
      problems.push({
        kind: 'replaced',
        store,
        what: `record ${sequence} of site ${site} does not follow record ${sequence - 1}: one of them was replaced, or what was between them is gone`,
      })
    }
  }
  return problems
}

function judgeAgainstEachOther(site: string, chains: readonly SeenChain[]): readonly AuditProblem[] {
  const longest = chains.reduce<SeenChain | null>((best, one) => (best === null || newestOf(one.records) > newestOf(best.records) ? one : best), null)
  if (!longest) return []
  const byNumber = new Map(longest.records.map((record) => [record.sequence, record]))
  return chains.flatMap(({ store, records }) => {
    if (store === longest.store) return []
    const has = newestOf(records)
    const most = newestOf(longest.records)
    const fewer: AuditProblem[] =
      has < most
        ? [
            {
              kind: 'behind',
              store,
              what:
                has === 0
                  ? `nothing is there of the chain of site ${site}, which ends at record ${most} in ${longest.store}: it was removed, or the store was out and the archive has not run since`
                  : `the chain of site ${site} ends at record ${has}, in ${longest.store} at ${most}: its end was cut, or the store was out and the archive has not run since`,
            },
          ]
        : []
    const other = records.find(
      (record) => record.problem === null && byNumber.get(record.sequence)?.problem === null && byNumber.get(record.sequence)?.sha256 !== record.sha256,
    )
    return other ? [...fewer, { kind: 'replaced', store, what: `record ${other.sequence} of site ${site} is another one than in ${longest.store}` }] : fewer
  })
}

/** A record that somebody names must be in a store, as it was named. One that was edited is told of already. */
function judgeWitnesses(chains: readonly SeenChain[], witnesses: readonly Witness[]): readonly AuditProblem[] {
  const most = Math.max(0, ...chains.map(({ records }) => newestOf(records)))
  const problems = new Map<number, AuditProblem>()
  let isCut = false
  for (const { who, head } of [...witnesses].sort((a, b) => b.head.sequence - a.head.sequence)) {
    const { site, sequence, sha256 } = head
    const there = chains.flatMap(({ records }) => records.filter((record) => record.sequence === sequence))
    if (problems.has(sequence) || there.some((record) => record.sha256 === sha256 || record.problem !== null)) continue
    if (sequence > most) {
      const what = `the end of the chain of site ${site} was cut: ${who} names record ${sequence} (${sha256}), the newest in any store is ${most || 'none'}`
      if (!isCut) problems.set(sequence, { kind: 'cut', store: null, what })
      isCut = true
      continue
    }
    const what =
      there.length > 0
        ? `record ${sequence} of site ${site} was replaced: ${who} names ${sha256}`
        : `${who} names record ${sequence} of site ${site}, which no store has`
    problems.set(sequence, { kind: there.length > 0 ? 'replaced' : 'missing', store: null, what })
  }
  return [...problems.values()]
}
