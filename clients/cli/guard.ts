/** `muster guard`: the precondition of a database and its services on a host: exit code 0 where they may start. */
import type { Command } from 'commander'
import { MusterError } from '../../domain/failures.ts'
import type { Desk } from './desk.ts'

export interface GuardOptions {
  /** This host; the one whose key lies here otherwise. */
  readonly host?: string
  /** Must be that of the host. */
  readonly site?: string
  /** Why it may start although no store outside this site says that it may. */
  readonly acceptUnknown?: string
  readonly person: string
}

/** Why it may start. Where it may not, the guard throws. */
export interface GuardAnswer {
  readonly system: string
  readonly host: string
  readonly site: string
  readonly because: string
  /** Channels that could not be told that a person accepted. */
  readonly undelivered?: readonly string[]
}

export interface PrintedUnits {
  readonly host: string
  readonly site: string
  readonly units: readonly { readonly unit: string; readonly serves: string; readonly path: string; readonly text: string }[]
  /** Started by something else: the guard goes before the command. */
  readonly others: readonly string[]
  /** The guard's command line. */
  readonly command: readonly string[]
  readonly warnings: readonly string[]
}

interface Asked {
  readonly host?: string
  readonly site?: string
  readonly acceptUnknown?: string
  readonly printSystemd?: boolean
  readonly stores?: boolean
}

export function addGuard(program: Command, desk: () => Desk): void {
  program
    .command('guard')
    .description('may this system be served on this host? exit code 0 only where its site is the active one; with a command, runs it then')
    .argument('<system>')
    .argument('[command...]', 'after --: run in the foreground, only when allowed')
    .option('--host <host>', 'this host, as the config names it; the one whose key lies here otherwise')
    .option('--site <site>', 'this site; refused where the host is at another')
    .option('--accept-unknown <reason>', 'when no store outside this site answers: you know that the system is served nowhere else')
    .option('--print-systemd', 'print the drop-ins that make systemd ask, and what to do with them')
    .option('--stores', 'decide nothing: print what each store says, a JSON line as soon as it has answered')
    .action(async (system: string, command: readonly string[], asked: Asked) => {
      if (asked.stores) return desk().guardLook(system, asked, (line) => process.stdout.write(`${line}\n`))
      if (asked.printSystemd) return printUnits(desk(), system, asked)
      await guard(desk(), system, command, asked)
    })
}

async function guard(desk: Desk, system: string, command: readonly string[], { acceptUnknown, host, site }: Asked): Promise<void> {
  const { out } = desk
  if (acceptUnknown !== undefined && acceptUnknown.trim() === '') {
    throw new MusterError('InvalidInput', '--accept-unknown needs a reason', { hint: 'write how you know that the system is served nowhere else' })
  }
  const options = { person: desk.user, ...(host !== undefined && { host }), ...(site !== undefined && { site }) }
  const answer = await desk.guard(system, { ...options, ...(acceptUnknown !== undefined && { acceptUnknown }) })
  for (const problem of answer.undelivered ?? []) out.warn(`could not be told: ${problem}`)
  const text = `system "${system}" may be served on ${answer.host} (site ${answer.site}): ${answer.because}`
  if (command.length === 0) return out.result({ ...answer, allowed: true }, () => out.line(text))
  // stdout is the command's.
  process.stderr.write(`${text}\n`)
  process.exitCode = await desk.runInFront(command)
}

async function printUnits(desk: Desk, system: string, asked: Asked): Promise<void> {
  const { out } = desk
  const printed = await desk.guardUnits(system, asked)
  out.result(printed, () => {
    for (const { path, text, serves } of printed.units) {
      out.line(`# ${serves}: write this as ${path}`)
      out.line(text)
    }
    if (printed.units.length > 0) {
      out.line('# then')
      out.line('#   systemctl daemon-reload')
      out.line(`#   muster doctor ${system}`)
    } else out.line(`# nothing of ${system} on ${printed.host} is started by systemd`)
    if (printed.others.length > 0) {
      out.line(`# ${printed.others.join(', ')}: not started by systemd; put this before the command that starts it at boot`)
      out.line(`#   ${[...printed.command, '--', 'COMMAND', 'ARGS…'].join(' ')}`)
    }
  })
  for (const warning of printed.warnings) out.warn(warning)
}
