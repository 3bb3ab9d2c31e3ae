/**
 * Who may go on next where several systems fail over at once and no host may be loaded by more than so many of them. The
 * order is that of their rank: what is behind never takes a place that one before it is waiting for, or will ask for.
 */

/** Two: while one waits for DNS or for health, the other uses disk and network; more share them and both end later. */
export const defaultFailoversPerHost = 2

/**
 * `planning`: has not asked for a place yet, and will. `waits`: asks for one. `works`: has one. `rests`: waits for a person and
 * has none. `ended`.
 */
export type TurnState = 'planning' | 'waits' | 'works' | 'rests' | 'ended'

export interface Turn {
  readonly system: string
  /** Where it is brought back: it needs a place on each. */
  readonly hosts: readonly string[]
  readonly state: TurnState
}

/**
 * @param turns in the order of their rank
 * @returns systems that may go on now; one that needs several hosts gets all of them or none, and none is given away meanwhile
 */
export function nextTurns(turns: readonly Turn[], perHost: number): readonly string[] {
  const taken = new Map<string, number>()
  const isFree = (host: string) => (taken.get(host) ?? 0) < perHost
  const take = (hosts: readonly string[]) => {
    for (const host of hosts) taken.set(host, (taken.get(host) ?? 0) + 1)
  }
  for (const { state, hosts } of turns) if (state === 'works') take(hosts)
  const next: string[] = []
  for (const { system, state, hosts } of turns) {
    if (state !== 'waits' && state !== 'planning') continue
    if (state === 'waits' && hosts.every(isFree)) next.push(system)
    take(hosts)
  }
  return next
}

export interface ExpectedTurn {
  readonly startsAfterSeconds: number
  readonly endsAfterSeconds: number
}

/**
 * When each is expected to begin and to be back, if nobody has to be waited for.
 * @param systems in the order of their rank; seconds are null where nothing is known, and count as none
 */
export function expectedTurns(
  systems: readonly { readonly system: string; readonly hosts: readonly string[]; readonly seconds: number | null }[],
  perHost: number,
): ReadonlyMap<string, ExpectedTurn> {
  const expected = new Map<string, ExpectedTurn>()
  for (let now = 0; ; ) {
    const stateOf = (system: string): TurnState => {
      const turn = expected.get(system)
      if (!turn) return 'waits'
      return turn.endsAfterSeconds > now ? 'works' : 'ended'
    }
    const next = nextTurns(
      systems.map(({ system, hosts }) => ({ system, hosts, state: stateOf(system) })),
      perHost,
    )
    for (const system of next) {
      const seconds = systems.find((one) => one.system === system)?.seconds ?? 0
      expected.set(system, { startsAfterSeconds: now, endsAfterSeconds: now + seconds })
    }
    if (expected.size === systems.length) return expected
    // One that takes no time has freed its place by the next look.
    if (next.length === 0) now = Math.min(...[...expected.values()].map(({ endsAfterSeconds }) => endsAfterSeconds).filter((at) => at > now))
  }
}
