/**
 * What lets a guard say yes where no store outside the site answers: a step of a run that starts the system just now, and a
 * person's word. Both are notes in the host's state, and both end with this boot of the host: a machine that comes back
 * does not know what happened meanwhile.
 */
import { randomBytes } from 'node:crypto'
import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Acceptance {
  readonly at: string
  readonly system: string
  readonly site: string
  readonly host: string
  readonly person: string
  readonly reason: string
  /** What could not be known, store by store. */
  readonly problems: readonly string[]
  readonly boot: string
}

interface Pass {
  readonly boot: string
  /** ISO-8601 UTC: a step that was killed leaves its pass behind. */
  readonly expiresAt: string
}

type Place = { readonly hostDirectory: string }

/** Longer than a server in crash recovery needs to answer; a step that takes longer has started everything by then. */
const passSeconds = 600

/**
 * Lets guards on this host pass while a step starts something: the run has seen who serves, and after a site is lost there may
 * be no store left that stands elsewhere.
 */
export async function passingGuards<T>(place: Place, system: string, start: () => Promise<T>): Promise<T> {
  const path = join(folder(place), `${passPrefix(system)}${randomBytes(6).toString('hex')}.json`)
  // Only a guard that can ask nobody needs it: a disk that is full keeps nothing from being started.
  await writePass(place, path).catch(() => undefined)
  try {
    return await start()
  } finally {
    await rm(path, { force: true })
  }
}

async function writePass(place: Place, path: string): Promise<void> {
  await mkdir(folder(place), { recursive: true, mode: 0o711 })
  const pass: Pass = { boot: await bootId(), expiresAt: new Date(Date.now() + passSeconds * 1000).toISOString() }
  await writeFile(path, JSON.stringify(pass), { mode: 0o600 })
}

/** Whether a step of a run starts this system right now. */
export async function hasPass(place: Place, system: string): Promise<boolean> {
  const names = (await readdir(folder(place)).catch(() => [] as string[])).filter((name) => name.startsWith(passPrefix(system)))
  const passes = await Promise.all(names.map(async (name) => parse<Pass>(await readFile(join(folder(place), name), 'utf8').catch(() => ''))))
  const [boot, now] = [await bootId(), new Date().toISOString()]
  return passes.some((pass) => pass !== null && pass.boot === boot && pass.expiresAt > now)
}

/** Durable on return. */
export async function writeAcceptance(place: Place, acceptance: Omit<Acceptance, 'boot'>): Promise<Acceptance> {
  const line: Acceptance = { ...acceptance, boot: await bootId() }
  await mkdir(folder(place), { recursive: true, mode: 0o711 })
  await appendFile(acceptanceFile(place), `${JSON.stringify(line)}\n`, { mode: 0o600, flush: true })
  return line
}

/** The newest of this boot; null where nobody accepted anything since. */
export async function readAcceptance(place: Place, system: string, site: string): Promise<Acceptance | null> {
  const text = await readFile(acceptanceFile(place), 'utf8').catch(() => '')
  const boot = await bootId()
  const lines = text.split('\n').flatMap((line) => parse<Acceptance>(line) ?? [])
  return lines.findLast((one) => one.system === system && one.site === site && one.boot === boot) ?? null
}

/** Every acceptance is a line of this file, and none is ever removed. */
export function acceptanceFile(place: Place): string {
  return join(folder(place), 'accepted.jsonl')
}

function folder({ hostDirectory }: Place): string {
  return join(hostDirectory, 'guard')
}

/** One for each step: of two databases that start beside each other, each takes back its own. */
function passPrefix(system: string): string {
  return `pass-${system}.`
}

/** A line that was cut off by a full disk or a crash says nothing. */
function parse<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T
  } catch {
    return null
  }
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
}
