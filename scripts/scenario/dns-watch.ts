/** Asks both name servers all the time where the shop is, as a resolver would, and notes when an answer changes. */
import { Resolver } from 'node:dns/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { addresses } from './network.ts'
import type { SiteName } from './places.ts'
import type { Zone } from './name-servers.ts'

export interface Answered {
  readonly at: number
  /** Which site the answer leads to; null for any other, and for none. */
  readonly leadsTo: SiteName | null
}

export interface DnsWatch {
  /** Each change of the answer of the name server at a site. */
  readonly changes: Readonly<Record<SiteName, readonly Answered[]>>
  /** When the server at `site` first led to `to`, not before `since`. */
  until(site: SiteName, to: SiteName, since: number, withinSeconds: number): Promise<number>
  stop(): void
}

const everyMs = 100

export function watchDns({ name }: Zone): DnsWatch {
  const changes: Record<SiteName, Answered[]> = { primary: [], dr: [] }
  let stopped = false
  for (const site of ['primary', 'dr'] as const) {
    const resolver = new Resolver({ timeout: 500, tries: 1 })
    resolver.setServers([addresses[site]])
    void (async () => {
      for (; !stopped; await sleep(everyMs)) {
        const found = await resolver.resolve4(name).catch(() => [] as string[])
        const leadsTo = siteOf(found)
        if (changes[site].at(-1)?.leadsTo !== leadsTo) changes[site].push({ at: Date.now(), leadsTo })
      }
    })()
  }
  return {
    changes,
    async until(site, to, since, withinSeconds) {
      for (const deadline = Date.now() + withinSeconds * 1000; Date.now() < deadline; await sleep(20)) {
        const found = changes[site].at(-1)
        if (found?.leadsTo === to) return Math.max(found.at, since)
      }
      throw new Error(`the name server at ${site} did not lead to ${to} within ${withinSeconds} s`)
    },
    stop() {
      stopped = true
    },
  }
}

function siteOf(found: readonly string[]): SiteName | null {
  if (found.length !== 1) return null
  return (['primary', 'dr'] as const).find((site) => addresses[site] === found[0]) ?? null
}
