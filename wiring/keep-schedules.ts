/**
 * On a machine that was set up from a store: keeps the schedules of its Temporal those of the systems that are active at its site. A
 * system that has come here gets its own, one that has gone back loses them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Connection } from '@temporalio/client'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import { placedWhereActive } from '../clients/active-sites.ts'
import { applySchedules } from '../clients/schedules.ts'
import { siteOfSystem } from '../domain/copies.ts'
import { readAppliedConfig } from './applied-config.ts'
import type { Places } from './places.ts'
import { createStore } from './stores.ts'
import { localTrust } from './trust.ts'

const everyMs = 5000

export async function keepSchedules(places: Places, address: string, site: string, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  const connection = await Connection.connect({ address })
  const client = new Client({ connection })
  const told = { active: '', problem: '' }
  try {
    while (!signal.aborted) {
      try {
        told.active = await align(places, client, site, told.active, say)
        told.problem = ''
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error)
        if (problem !== told.problem) say(`schedules could not be looked at: ${problem}`)
        told.problem = problem
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    await connection.close()
  }
}

/** @returns what was found, so that nothing is written until it is something else */
async function align(places: Places, client: Client, site: string, before: string, say: (text: string) => void): Promise<string> {
  const { verifier } = await localTrust(places)
  const { config: whole, hash } = await readAppliedConfig(places, verifier, null)
  const secrets = createSecretResolver()
  const stores = Object.keys(whole.stores).map((name) => createStore(whole, name, secrets))
  const config = await placedWhereActive(whole, { stores, verifier })
  const active = Object.keys(config.systems).filter((system) => siteOfSystem(config, system) === site)
  const now = `${hash} ${active.join(' ')}`
  if (now === before) return before
  const systems = Object.fromEntries(Object.entries(config.systems).filter(([name]) => active.includes(name)))
  // Nobody serves the queues of another site here.
  const sites = Object.fromEntries(Object.entries(config.sites).filter(([name]) => name === site))
  const changes = await applySchedules(client, { ...config, systems, sites }, hash, true, whole)
  say(
    `schedules of ${active.length > 0 ? active.join(', ') : 'no system'}: ${changes.length > 0 ? changes.map(({ id, change }) => `${change} ${id}`).join(', ') : 'nothing to do'}`,
  )
  return now
}
