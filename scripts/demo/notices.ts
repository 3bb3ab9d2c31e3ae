/** Mailbox and webhook: where they listen, and how many notices arrived. */
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DemoPlaces } from './places.ts'
import { freePort } from './ports.ts'
import { startPart } from './processes.ts'
import { ownCommand } from './programs.ts'

export interface PostOfficeConfig {
  readonly smtpPort: number
  readonly webhookPort: number
  readonly received: string
}

export interface ReceivedNotice {
  readonly channel: 'email' | 'slack'
  readonly at: string
  readonly subject: string
}

export interface PostOffice {
  readonly smtpPort: number
  /** Reference to the secret address of the webhook. */
  readonly webhook: string
  /** Per channel; `log` counts the lines of Muster's own file of notices. */
  received(): Promise<{ readonly email: number; readonly slack: number; readonly log: number }>
}

export async function openPostOffice(places: DemoPlaces): Promise<PostOffice> {
  const config: PostOfficeConfig = { smtpPort: await freePort(), webhookPort: await freePort(), received: places.received }
  const file = join(places.run, 'post-office.json')
  await writeFile(file, JSON.stringify(config))
  const webhook = join(places.secrets, 'webhook')
  await writeFile(webhook, `http://127.0.0.1:${config.webhookPort}/services/demo`, { mode: 0o600 })
  await startPart(places, 'post-office', [...ownCommand('scripts/demo/post-office'), file])
  for (const port of [config.smtpPort, config.webhookPort]) await untilListening(port)
  return {
    smtpPort: config.smtpPort,
    webhook: `file:${webhook}`,
    async received() {
      const lines = (await linesOf(places.received)).map((line) => JSON.parse(line) as ReceivedNotice)
      const log = await linesOf(noticesFile(places))
      return {
        email: lines.filter(({ channel }) => channel === 'email').length,
        slack: lines.filter(({ channel }) => channel === 'slack').length,
        log: log.length,
      }
    },
  }
}

export function noticesFile(places: DemoPlaces): string {
  return join(places.logs, 'notices.jsonl')
}

async function linesOf(file: string): Promise<readonly string[]> {
  return (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean)
}

export async function untilListening(port: number, seconds = 20): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; ; await sleep(50)) {
    const listens = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (listens) return
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port} after ${seconds} s`)
  }
}
