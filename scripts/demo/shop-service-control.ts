/**
 * Start, stop and status of the shop, as the commands that muster.yaml names; what runs is in a pid file.
 * Usage: shop-service-control start|stop|status CONFIG.json
 */
import { readFileSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { endProcess, isRunning } from '../../adapters/process/find-processes.ts'
import type { ProcessIdentity } from '../../adapters/process/process.ts'
import { startService } from '../../adapters/process/start-service.ts'
import type { ShopConnection } from './postgres.ts'

export interface ShopServiceConfig {
  readonly port: number
  readonly connection: ShopConnection
  readonly command: readonly [string, ...string[]]
  readonly pidFile: string
  readonly logFile: string
  readonly label: string
}

const startSeconds = 15
const [, , verb = '', file = ''] = process.argv
const config = JSON.parse(readFileSync(file, 'utf8')) as ShopServiceConfig
process.exitCode = await control(verb)

async function control(what: string): Promise<number> {
  const running = await runningOne()
  switch (what) {
    case 'status':
      return running ? 0 : 3
    case 'stop':
      if (running) await endProcess(running, { graceSeconds: 5 })
      await rm(config.pidFile, { force: true })
      return 0
    case 'start':
      return running ? 0 : start()
    default:
      process.stderr.write('start, stop or status\n')
      return 2
  }
}

async function runningOne(): Promise<ProcessIdentity | null> {
  const noted = await readFile(config.pidFile, 'utf8').then(
    (text) => JSON.parse(text) as ProcessIdentity,
    () => null,
  )
  return noted && (await isRunning(noted)) ? noted : null
}

/** Returns when it listens; whether it is healthy is asked by whoever wants to know. */
async function start(): Promise<number> {
  const [program, ...args] = config.command
  const started = await startService(program, [...args, file], { label: config.label, logFile: config.logFile })
  await writeFile(config.pidFile, JSON.stringify(started))
  for (const deadline = Date.now() + startSeconds * 1000; Date.now() < deadline; await sleep(50)) {
    if (!(await isRunning(started))) break
    if (
      await fetch(`http://127.0.0.1:${config.port}/`).then(
        () => true,
        () => false,
      )
    )
      return 0
  }
  process.stderr.write(`the shop did not come up; see ${config.logFile}\n`)
  return 1
}
