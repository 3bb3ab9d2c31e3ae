/** What the authoritative servers of a zone answered, and whether a change has arrived everywhere that counts. */
import { describeValues, type RecordSet } from './dns.ts'

/** One answer of one address of one authoritative server. */
export interface ServerObservation {
  /** Its name in the zone, or as it is configured. */
  readonly server: string
  /** Where it was asked, `192.0.2.53:53`; empty where its name has no address. */
  readonly address: string
  /** Where it stands, as configured; null where nobody said. */
  readonly site: string | null
  /** Values it gave with authority; empty where it gave none. */
  readonly answers: readonly string[]
  readonly ttlSeconds: number | null
  /** Of the zone there. */
  readonly serial: number | null
  /** It answered with authority for the zone, whatever it answered. */
  readonly observed: boolean
  /** It gave exactly the values that were asked for. */
  readonly ok: boolean
  /** Where it is not ok: what it did instead, for a person. */
  readonly problem: string | null
}

export interface ObservationRule {
  /** Servers there do not count, in either direction. Null where no site is lost. */
  readonly lostSite: string | null
  /** Fewer servers than this outside the lost site prove nothing. */
  readonly minimumObserved: number
}

export interface ObservationVerdict {
  /** Every server that counts has the new answer, and there are enough of them. */
  readonly everywhere: boolean
  /** Servers that count and have it. */
  readonly changed: readonly string[]
  /** Servers that count and do not have it, each with its reason. */
  readonly missing: readonly string[]
  /** Servers at the lost site that do not have it; `monitorHealth` asks them again. */
  readonly owed: readonly string[]
  /** All of it in one sentence. */
  readonly summary: string
}

/**
 * Judges one look at all servers. A server has the new answer when one of its addresses gave it and none gave
 * another one: an address that cannot be reached from here, such as IPv6 on a host without it, says nothing.
 */
export function judgeObservations(observations: readonly ServerObservation[], rule: ObservationRule): ObservationVerdict {
  const changed: string[] = []
  const missing: string[] = []
  const owed: string[] = []
  const machines: Looks[] = []
  for (const looks of byServer(observations)) {
    const [{ server, site }] = looks
    const isLost = site !== null && site === rule.lostSite
    const why = problemOf(looks)
    if (why !== null) (isLost ? owed : missing).push(`${server}: ${why}`)
    else if (!isLost) {
      changed.push(server)
      if (!machines.some((other) => isSameMachine(other, looks))) machines.push(looks)
    }
  }
  const enough = machines.length >= Math.max(1, rule.minimumObserved)
  const everywhere = missing.length === 0 && enough
  return { everywhere, changed, missing, owed, summary: summarise(changed, missing, owed, enough ? null : Math.max(1, rule.minimumObserved)) }
}

/** Whether what a server answered is exactly the wanted set, in words; null when it is. */
export function answerProblem(answers: readonly string[], wanted: RecordSet): string | null {
  if (answers.length === 0) return `has no record ${wanted.name} ${wanted.type}`
  if (answers.join(' ') === wanted.values.join(' ')) return null
  return `answers ${describeValues(answers)} instead of ${describeValues(wanted.values)}`
}

type Looks = [ServerObservation, ...ServerObservation[]]

function byServer(observations: readonly ServerObservation[]): Looks[] {
  const servers = new Map<string, Looks>()
  for (const look of observations) {
    const looks = servers.get(look.server)
    if (looks) looks.push(look)
    else servers.set(look.server, [look])
  }
  return [...servers.values()]
}

function problemOf(looks: Looks): string | null {
  const wrong = looks.find((look) => look.observed && !look.ok)
  const bad = wrong ?? (looks.some((look) => look.ok) ? undefined : looks[0])
  if (!bad) return null
  const where = bad.address === '' || bad.address === bad.server ? '' : `${bad.address} `
  return `${where}${bad.problem ?? 'was not observed'}`
}

/** One server under two names is one witness. */
function isSameMachine(one: Looks, other: Looks): boolean {
  return one.some(({ ok, address }) => ok && other.some((look) => look.ok && look.address === address))
}

function summarise(changed: readonly string[], missing: readonly string[], owed: readonly string[], needed: number | null): string {
  const parts = [`${changed.length} of ${changed.length + missing.length} servers that count have the new answer`]
  if (needed !== null) parts.push(`at least ${needed} must, and names of one address count once`)
  if (missing.length > 0) parts.push(`not yet: ${missing.join('; ')}`)
  if (owed.length > 0) parts.push(`at the lost site, asked again each hour: ${owed.join('; ')}`)
  return parts.join('; ')
}
