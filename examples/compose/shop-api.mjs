#!/usr/bin/env node
// The sample service: run (in the foreground), start, stop, status. It answers while it runs and its disk is there.
import { spawn } from 'node:child_process'
import { existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'

const self = fileURLToPath(import.meta.url)
const pidFile = process.env.SHOP_API_PID ?? '/var/run/postgresql/shop-api.pid'
const logFile = process.env.SHOP_API_LOG ?? '/tmp/shop-api.log'
const port = Number(process.env.SHOP_API_PORT ?? 8080)
const uploads = process.env.SHOP_UPLOADS ?? '/srv/shop/uploads'

/** The process of the pid file, if it still is this program; a number may have been given to another one. */
function running() {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'))
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(self) ? pid : null
  } catch {
    return null
  }
}

const verbs = {
  run() {
    const server = createServer((request, response) => {
      const healthy = request.url === '/health' && existsSync(uploads)
      response.writeHead(healthy ? 200 : 404).end()
    })
    server.listen(port, '0.0.0.0', () => writeFileSync(pidFile, String(process.pid)))
    process.once('SIGTERM', () => {
      rmSync(pidFile, { force: true })
      server.close()
      server.closeAllConnections()
    })
  },
  start() {
    if (running() !== null) return
    const log = openSync(logFile, 'a')
    spawn(process.execPath, [self, 'run'], { detached: true, stdio: ['ignore', log, log] }).unref()
  },
  stop() {
    const pid = running()
    if (pid !== null) process.kill(pid, 'SIGTERM')
  },
  status() {
    process.exitCode = running() === null ? 1 : 0
  },
}

const verb = verbs[process.argv[2]]
if (verb === undefined) {
  process.stderr.write('shop-api run | start | stop | status\n')
  process.exitCode = 2
} else verb()
