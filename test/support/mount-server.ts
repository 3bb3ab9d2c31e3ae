/** Root of its own namespaces only: starts the tests as the user they belong to, and mounts what they ask for. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { mountServerVariable } from './ordinary-user.ts'

const [, , userId = '', groupId = '', again = '[]'] = process.argv
const directory = mkdtempSync(join(tmpdir(), 'muster-mounts-'))
const address = join(directory, 'socket')

const server = createServer((socket: Socket) => {
  createInterface({ input: socket }).once('line', (line) => {
    const [program = '', ...args] = JSON.parse(line) as string[]
    const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
    socket.end(status === 0 ? '' : (error?.message ?? stderr))
  })
}).listen(address, () => {
  const who = ['--user', `--map-user=${userId}`, `--map-group=${groupId}`]
  const tests = spawn('unshare', [...who, process.execPath, ...(JSON.parse(again) as string[])], {
    stdio: 'inherit',
    env: { ...process.env, [mountServerVariable]: address },
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => tests.kill(signal))
  tests.once('exit', (code) => {
    server.close()
    rmSync(directory, { recursive: true, force: true })
    process.exit(code ?? 1)
  })
})
