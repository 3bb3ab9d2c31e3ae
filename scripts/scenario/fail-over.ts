/** The failover itself, and what of the primary's markers arrived at the other site. */
import { setTimeout as sleep } from 'node:timers/promises'
import { endProcess } from '../../adapters/process/find-processes.ts'
import type { Marker } from '../demo/writer.ts'
import { clock, count, seconds, stepsText, type Teller } from '../demo/tell.ts'
import type { DnsWatch } from './dns-watch.ts'
import { lookForLost } from './lost.ts'
import { type DoneMove, moveShop } from './move.ts'
import type { Loss } from './options.ts'
import type { ScenarioPlaces } from './places.ts'
import type { Stage } from './set-up.ts'
import { acknowledgedAt, startWriter } from './writers.ts'

const servedSeconds = 120

const seen: Readonly<Record<Loss, string>> = {
  killed: 'db1 is without power, its console is dark',
  partitioned: 'the uplink of db1 is pulled, nobody outside reaches it',
}

export interface Away {
  readonly done: DoneMove
  readonly dnsAt: number
  readonly servedAt: number
  readonly expected: number
  readonly markersLost: number
  readonly secondsLost: number
  readonly found: ReadonlySet<number>
  /** Of the primary, and there. */
  readonly kept: readonly Marker[]
}

export async function failOver(stage: Stage, cutAt: number, dns: DnsWatch, teller: Teller): Promise<Away> {
  const { places, database, plot, services } = stage
  const { loss } = plot
  const offline = loss === 'killed'
  await startWriter(places, 'dr', database.shop.dr)
  // They would work for the Temporal that is gone; the failover starts others.
  if (offline) for (const service of services) await endProcess(service)
  const done = await moveShop(stage, 'failover', 'dr', seen[loss], offline)
  const { approvedAt, askedAt, result } = done
  const observed = dns.changes.dr.find(({ at, leadsTo }) => at > approvedAt && leadsTo === 'dr')?.at
  if (observed === undefined) throw new Error('the failover ended, and the name server at the DR site does not lead there')
  // Whichever saw it later: this watch, or the run itself.
  const dnsAt = Math.max(observed, Date.parse(result.times.dnsObservedAt ?? ''))
  const servedAt = await firstAcknowledged(places, approvedAt)
  const before = (await acknowledgedAt(places, 'primary')).filter(({ ackedAt }) => ackedAt <= cutAt)
  const lost = await lookForLost(database.shop.dr, before)
  teller.line('Failover', `asked at ${clock(askedAt)}, approved at ${clock(approvedAt)} by alice; fence by ${result.fence?.by}: ${result.fence?.detail}`)
  teller.line('Failover', stepsText(result.steps, 6))
  teller.line('Failover', `DNS leads to the DR site, ${seconds((dnsAt - askedAt) / 1000)} after it was asked for`, (dnsAt - approvedAt) / 1000)
  teller.line('Failover', 'first commit of a client outside', (servedAt - approvedAt) / 1000)
  teller.line('Failover', `${lost.markersLost} of ${count(lost.expected)} markers lost, ${lost.secondsLost.toFixed(1)} s`)
  return { done, dnsAt, servedAt, ...lost, kept: before.filter(({ number }) => lost.found.has(number)) }
}

async function firstAcknowledged(places: ScenarioPlaces, since: number): Promise<number> {
  for (const deadline = Date.now() + servedSeconds * 1000; Date.now() < deadline; await sleep(100)) {
    const [first] = (await acknowledgedAt(places, 'dr')).filter(({ ackedAt }) => ackedAt > since)
    if (first) return first.ackedAt
  }
  throw new Error(`no client outside was served by the DR site within ${servedSeconds} s of its opening`)
}
