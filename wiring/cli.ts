/** The command line: builds the desk from this machine, runs one verb, turns what is thrown into words and an exit code. */
import type { Client } from '@temporalio/client'
import type { Desk } from '../clients/cli/desk.ts'
import { explain } from '../clients/cli/output.ts'
import { createProgram } from '../clients/cli/program.ts'
import { createDesk } from './desk.ts'
import { loadKitEnvironment } from './kit-environment.ts'
import { musterVersion } from './package-root.ts'
import { placesOf } from './places.ts'
import { useTemporalHere } from './up-here.ts'

/** Runs one command line. @returns the exit code */
export async function runCli(argv: readonly string[]): Promise<number> {
  let desk: Desk | null = null
  const connections: Promise<Client>[] = []
  const temporal = () => {
    connections[0] ??= connect()
    return connections[0]
  }
  const globals = { config: process.env['MUSTER_CONFIG'] ?? 'muster.yaml', json: false, debug: false }
  const openDesk = (): Desk => {
    if (desk) return desk
    const places = placesOf(globals.config)
    loadKitEnvironment(places)
    useTemporalHere(places)
    desk = createDesk(places, globals.json, temporal)
    return desk
  }
  const program = createProgram(openDesk, globals, musterVersion)
  endWithReader(process.stdout)
  endWithReader(process.stderr)
  try {
    await program.parseAsync([...argv])
    return typeof process.exitCode === 'number' ? process.exitCode : 0
  } catch (error) {
    // A command line that was not understood has not set anything yet.
    return report(error, { ...globals, json: globals.json || argv.includes('--json') })
  } finally {
    for (const one of connections) {
      await one.then(
        (client) => client.connection.close(),
        () => undefined,
      )
    }
  }
}

async function connect(): Promise<Client> {
  const { connectTemporal } = await import('../clients/connection.ts')
  return connectTemporal()
}

function report(error: unknown, globals: { readonly json: boolean; readonly debug: boolean }): number {
  if (isCommanderExit(error)) {
    if (globals.json && error.exitCode !== 0) {
      const message = error.message.replace(/^error: /, '')
      process.stdout.write(
        `${JSON.stringify({ error: { type: 'InvalidInput', message, hint: 'muster help shows all verbs', exitCode: error.exitCode } }, null, 2)}\n`,
      )
    }
    return error.exitCode
  }
  const told = explain(error)
  if (globals.json) process.stdout.write(`${JSON.stringify({ error: told }, null, 2)}\n`)
  else process.stderr.write(`${told.message}\n  → ${told.hint}\n`)
  if (globals.debug && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return told.exitCode
}

/** `muster list shop | head` is no accident. */
function endWithReader(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(typeof process.exitCode === 'number' ? process.exitCode : 0)
  })
}

function isCommanderExit(error: unknown): error is Error & { readonly exitCode: number } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.') && 'exitCode' in error
}
