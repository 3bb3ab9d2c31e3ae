/** What the stores that a host reaches say of a system, in bounded time. */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { startTool } from '../adapters/process/run-tool.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import type { FailureType } from '../domain/failures.ts'
import type { StoreAnswer } from '../domain/guard.ts'
import { createConsult, storesToConsult } from '../repository/consult-stores.ts'
import { within } from '../repository/within.ts'
import { type GuardedHost, guardedHost } from './guarded-host.ts'
import { ownCommand } from './own-command.ts'
import type { Places } from './places.ts'
import { createStore } from './stores.ts'
import { localTrust } from './trust.ts'

/** Longest wait for one store; they are asked beside each other. */
const storeSeconds = 5
/** For the look as a whole: it is a program that has to be loaded first, on a host that may be busy starting up. */
const lookSeconds = 45

/**
 * Asks the stores in a process of its own, which is ended when the time is over: a file system that hangs would keep this one
 * from ending too, whatever it had decided.
 */
export async function lookBeside(places: Places, system: string, { config, host, site }: GuardedHost): Promise<readonly StoreAnswer[]> {
  const wanted = storesToConsult(config, host, site)
  const answers = new Map<string, StoreAnswer>()
  const env = Object.fromEntries(Object.entries(process.env).filter((one): one is [string, string] => one[1] !== undefined))
  const [program, ...words] = ownCommand()
  const args = [...words, '--config', places.configFile, 'guard', system, '--host', host, '--stores']
  const tool = startTool(program, args, { env: { ...env, MUSTER_HOME: places.home, MUSTER_KEYS: places.keys }, stdin: '', stdout: 'stream' })
  let ended: unknown = null
  // It may be unable to end, for the sake of a store that hangs: so what counts is that everyone has answered.
  await within(lookSeconds, () => untilAllAnswered(tool.stdout, wanted.length, answers), 'the look at the stores').catch((error: unknown) => {
    ended = error
  })
  await tool.end()
  const late = { type: 'Timeout' as FailureType, message: `did not answer${ended instanceof Error ? `: ${ended.message}` : ''}` }
  return wanted.map(
    ({ name, outside }) =>
      answers.get(name) ?? { store: name, outside, records: null, problem: { type: late.type, message: `store "${name}" ${late.message}` } },
  )
}

async function untilAllAnswered(lines: Readable, wanted: number, answers: Map<string, StoreAnswer>): Promise<void> {
  return new Promise((resolve, reject) => {
    const reader = createInterface({ input: lines })
    reader.on('line', (line) => {
      const answer = JSON.parse(line) as StoreAnswer
      answers.set(answer.store, answer)
      if (answers.size === wanted) resolve()
    })
    reader.on('close', resolve)
    // Also when it is ended later on, by us.
    reader.on('error', reject)
    lines.on('error', reject)
  })
}

/** The look itself: a line for each store, as soon as it has answered. */
export async function lookAtStores(places: Places, system: string, asked: { readonly host?: string }, say: (line: string) => void): Promise<void> {
  const { config, host, site } = await guardedHost(places, asked)
  const secrets = createSecretResolver()
  const stores = storesToConsult(config, host, site).map((one) => ({ ...one, open: async () => createStore(config, one.name, secrets) }))
  const { verifier } = await localTrust(places)
  await createConsult(stores, verifier, storeSeconds).ask(system, (answer) => say(JSON.stringify(answer)))
}
