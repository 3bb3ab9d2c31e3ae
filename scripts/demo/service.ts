/** The shop as the demo sees it: its commands, and whether it answers. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { DemoPlaces } from './places.ts'
import { freePort } from './ports.ts'
import type { ShopConnection } from './postgres.ts'
import { demoLabel } from './processes.ts'
import { ownCommand } from './programs.ts'
import type { ShopServiceConfig } from './shop-service-control.ts'

export interface ShopService {
  readonly url: string
  readonly commands: { readonly start: readonly string[]; readonly stop: readonly string[]; readonly status: readonly string[] }
  /** As the shop itself counts them. */
  count(): Promise<number>
}

export async function startShop(places: DemoPlaces, connection: ShopConnection): Promise<ShopService> {
  const port = await freePort()
  const file = join(places.secrets, 'shop-service.json')
  const config: ShopServiceConfig = {
    port,
    connection,
    command: [...ownCommand('scripts/demo/shop-service')],
    pidFile: join(places.run, 'shop-service.pid'),
    logFile: join(places.logs, 'shop-service.log'),
    label: demoLabel(places),
  }
  await writeFile(file, JSON.stringify(config), { mode: 0o600 })
  const command = (verb: string) => [...ownCommand('scripts/demo/shop-service-control'), verb, file] as const
  const [program = '', ...args] = command('start')
  await runTool(program, args, { leavesServices: true, timeoutSeconds: 30 })
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    commands: { start: command('start'), stop: command('stop'), status: command('status') },
    async count() {
      const answer = await fetch(`${url}/orders/count`, { signal: AbortSignal.timeout(5000) })
      if (!answer.ok) throw new Error(`${url}/orders/count answers ${answer.status}`)
      return ((await answer.json()) as { count: number }).count
    },
  }
}

export interface Watch {
  /** When the shop answered again after it had not, since the watch began; null when it never did. */
  stop(): Promise<{ readonly downAt: number | null; readonly backAt: number | null }>
}

/** Asks for the shop's health ten times a second, as a user's load balancer would. */
export function watchShop({ url }: ShopService): Watch {
  let watching = true
  let downAt: number | null = null
  let backAt: number | null = null
  const done = (async () => {
    while (watching) {
      const healthy = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) }).then(({ ok }) => ok, () => false)
      if (!healthy) {
        downAt ??= Date.now()
        backAt = null
      } else if (downAt !== null) backAt ??= Date.now()
      await sleep(100)
    }
  })()
  return {
    async stop() {
      watching = false
      await done
      return { downAt, backAt }
    },
  }
}
