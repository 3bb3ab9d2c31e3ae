/** Whether workers of this Temporal are held back, for a command that wants something of them. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import { isRunning } from '../adapters/process/find-processes.ts'
import type { HeldBack } from '../clients/held-back.ts'
import { isServed } from '../clients/served.ts'
import { heldText } from '../clients/standing-text.ts'
import { standingOrNull } from './adoption.ts'
import { holdNoteFile, readHoldNote } from './hold-back-notices.ts'
import { hostDirectory, type Places } from './places.ts'

export interface HeldHereOptions {
  /** Told once when it takes longer, since workers may be about to adopt it by themselves; null does not wait for that. */
  readonly say: ((text: string) => void) | null
}

/** A worker that starts looks, and adopts where nobody has to be asked, well within this. */
const byItselfMs = 30_000
const everyMs = 1000

/** Null where somebody works for it, or where what is known gives no reason to hold back. Never throws: what is wrong with Temporal is told elsewhere. */
export async function heldBackHere(places: Places, temporal: () => Promise<Client>, { say }: HeldHereOptions): Promise<HeldBack | null> {
  const client = await temporal()
  const served = () => isServed(client).catch(() => true)
  if (await served()) return null
  const standing = await standingOrNull(places, temporal)
  if (!standing?.held) return null
  say?.('no worker takes work yet: looking whether they are held back')
  for (let waited = 0; say !== null && waited < byItselfMs; waited += everyMs) {
    if ((await holdNote(places, standing.temporal))?.isNow) break
    await sleep(everyMs)
    if (await served()) return null
  }
  const now = say === null ? standing : await standingOrNull(places, temporal)
  if (!now?.held) return null
  return { why: heldText(now), since: (await holdNote(places, now.temporal))?.since ?? null }
}

/** What a worker of this machine has written down when it came to wait for a person. */
async function holdNote(places: Places, temporal: string): Promise<{ readonly since: string; readonly isNow: boolean } | null> {
  const hosts = await readdir(join(places.home, 'hosts')).catch(() => [])
  const notes = await Promise.all(hosts.map((host) => readHoldNote(join(hostDirectory(places, host), holdNoteFile))))
  const [note] = notes.flatMap((one) => (one !== null && one.said.startsWith(`${temporal} `) ? [one] : [])).sort((a, b) => (a.since < b.since ? -1 : 1))
  return note ? { since: note.since, isNow: note.process ? await isRunning(note.process) : false } : null
}
