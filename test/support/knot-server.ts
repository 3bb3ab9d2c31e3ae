/** A real DNS server (Knot) on a loopback address of its own, which takes signed updates or follows a primary. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningTool } from '../../adapters/process/process.ts'
import { runTool, startTool } from '../../adapters/process/run-tool.ts'
import { faketimeLibrary, knotPath } from './tools.ts'

export interface KnotPlace {
  readonly address: string
  readonly port: number
}

export interface KnotKey {
  readonly name: string
  readonly algorithm: 'hmac-sha256'
  readonly secret: string
}

export interface KnotServer extends KnotPlace {
  stop(): Promise<void>
  /** As a machine that hangs: SIGSTOP and SIGCONT. */
  freeze(): Promise<void>
  thaw(): void
}

export interface KnotZone {
  readonly zone: string
  /** Lines of its zone file; absent for a zone that cannot be loaded. */
  readonly lines?: readonly string[]
  /** Where it is transferred from, in place of lines. */
  readonly primary?: KnotPlace
  /** Servers that are told of changes. */
  readonly secondaries?: readonly KnotPlace[]
  /** The key may update these types only, where given; nothing at all where empty. */
  readonly updates?: readonly string[]
}

const startWithinSeconds = 30

export function makeKey(name = 'muster.'): KnotKey {
  return { name, algorithm: 'hmac-sha256', secret: randomBytes(32).toString('base64') }
}

/** @param clock seconds by which its clock is ahead */
export async function startKnot(place: KnotPlace, key: KnotKey, zones: readonly KnotZone[], clock = 0): Promise<KnotServer> {
  const home = await mkdtemp(join(tmpdir(), 'muster-knot-'))
  for (const { zone, lines } of zones) {
    if (lines) await writeFile(join(home, `${zone}zone`), `${lines.join('\n')}\n`)
  }
  await writeFile(join(home, 'knot.conf'), configText(home, place, key, zones), { mode: 0o600 })
  const env: Record<string, string> = clock === 0 ? {} : { LD_PRELOAD: await faketimeLibrary(), FAKETIME: `+${clock}s`, FAKETIME_DONT_FAKE_MONOTONIC: '1' }
  const tool = startTool(await knotPath(), ['-c', join(home, 'knot.conf')], { env, stdout: 'discard' })
  await untilItAnswers(tool, place, zones[0]?.zone ?? '.')
  return {
    ...place,
    freeze: () => freeze(tool.pid),
    thaw: () => process.kill(tool.pid, 'SIGCONT'),
    stop: async () => {
      await tool.end()
      await rm(home, { recursive: true, force: true })
    },
  }
}

/** Returns when no thread runs any more: a signal is on its way for a moment. */
async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  for (;;) {
    const threads = await readdir(`/proc/${pid}/task`)
    const states = await Promise.all(threads.map(async (thread) => (await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8')).split(') ')[1]?.[0]))
    if (states.every((state) => state === 'T')) return
    await sleep(5)
  }
}

async function untilItAnswers(tool: RunningTool, { address, port }: KnotPlace, zone: string): Promise<void> {
  let end: string | undefined
  tool.done.then(
    () => (end = 'it ended'),
    (error: unknown) => (end = String(error)),
  )
  const deadline = Date.now() + startWithinSeconds * 1000
  for (;;) {
    const asked = await runTool('dig', ['+tries=1', '+time=1', '+noall', '+comments', `@${address}`, '-p', String(port), zone, 'SOA'], { okExitCodes: [0, 9] })
    if (asked.stdout.includes('status:')) return
    if (end !== undefined) throw new Error(`knotd did not start: ${end}`)
    if (Date.now() > deadline) throw new Error(`knotd did not answer within ${startWithinSeconds} s`)
    await sleep(50)
  }
}

function configText(home: string, { address, port }: KnotPlace, key: KnotKey, zones: readonly KnotZone[]): string {
  const remotes = new Map<string, string>()
  const remote = (place: KnotPlace): string => {
    const id = `at-${place.address}`
    // From its own address: the other side sees who asks.
    remotes.set(id, `  - id: ${id}\n    address: ${place.address}@${place.port}\n    via: ${address}`)
    return id
  }
  const zoneTexts = zones.map(({ zone, primary, secondaries = [], updates }, index) =>
    [
      `  - domain: ${zone}`,
      `    storage: ${home}`,
      `    file: ${zone}zone`,
      ...(primary ? [`    master: ${remote(primary)}`] : []),
      ...(secondaries.length > 0 ? [`    notify: [ ${secondaries.map(remote).join(', ')} ]`] : []),
      `    acl: [ transfers${updates ? `, updates-${index}` : ''} ]`,
    ].join('\n'),
  )
  const acls = zones.flatMap(({ updates }, index) =>
    updates
      ? [
          `  - id: updates-${index}\n    key: ${key.name}\n    action: update${updates.length > 0 ? `\n    update-type: [ ${updates.join(', ')} ]` : '\n    deny: on'}`,
        ]
      : [],
  )
  return [
    `server:\n  rundir: ${home}\n  listen: ${address}@${port}\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1`,
    'log:\n  - target: stderr\n    any: warning',
    `database:\n  storage: ${home}`,
    `key:\n  - id: ${key.name}\n    algorithm: ${key.algorithm}\n    secret: ${key.secret}`,
    ...(remotes.size > 0 ? [`remote:\n${[...remotes.values()].join('\n')}`] : []),
    `acl:\n  - id: transfers\n    address: 127.0.0.0/8\n    action: [ transfer, notify ]\n${acls.join('\n')}`,
    `zone:\n${zoneTexts.join('\n')}`,
    '',
  ].join('\n')
}
