/** What --keep leaves behind, and how a person uses it. */
import { rm, writeFile } from 'node:fs/promises'
import { relative } from 'node:path'
import type { DemoPlaces } from './places.ts'
import type { Stage } from './set-up.ts'
import type { Teller } from './tell.ts'

export async function leaveRunning({ places, muster, service, database }: Stage, tell: Teller): Promise<void> {
  const exports = Object.entries(muster.env).map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`)
  await writeFile(places.env, exports.join(''))
  const running = {
    config: places.muster.configFile,
    env: muster.env,
    temporal: muster.address,
    ui: muster.uiUrl,
    shop: service.url,
    database: { host: '127.0.0.1', port: database.port },
    data: places.base,
    logs: places.logs,
  }
  await writeFile(places.running, `${JSON.stringify(running, null, 2)}\n`)
  const here = (path: string) => relative(process.cwd(), path) || path
  tell.plain()
  tell.plain('  Everything goes on running. Use it:')
  tell.plain(`    . ${here(places.env)}`)
  for (const words of ['status', 'list shop', 'backup shop', 'restore shop --plan']) tell.plain(`    bin/muster ${words}`)
  tell.plain(`  The shop      ${service.url}/orders/count`)
  tell.plain(`  Temporal      ${muster.uiUrl}`)
  tell.plain('  End it        npm run demo -- --stop')
}

export async function forgetRunning(places: DemoPlaces): Promise<void> {
  for (const path of [places.env, places.running]) await rm(path, { force: true })
}
