/** Programs on the machines of the scenario: beside it until its end, or run to their own. */
import { join } from 'node:path'
import type { ProcessIdentity, ToolResult } from '../../adapters/process/process.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { startService } from '../../adapters/process/start-service.ts'
import { type Machine, on } from './network.ts'
import type { ScenarioPlaces } from './places.ts'

const passedOn = ['XDG_CACHE_HOME', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS']
const anyExitCode = Array.from({ length: 256 }, (_, code) => code)

export type Command = readonly [string, ...string[]]

export function startOn(
  { logs }: ScenarioPlaces,
  machine: Machine,
  name: string,
  command: Command,
  env: Readonly<Record<string, string>> = {},
): Promise<ProcessIdentity> {
  const [program, ...args] = [...on(machine), ...command] as const
  return startService(program, args, { env: { ...ownEnvironment(), ...env }, logFile: join(logs, `${machine}-${name}.log`) })
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Any exit code is an answer. */
  readonly anyEnd?: boolean
  readonly stdin?: string
  readonly timeoutSeconds?: number
}

export function runOn(machine: Machine, command: Command, { env = {}, anyEnd = false, stdin, timeoutSeconds = 120 }: RunOptions = {}): Promise<ToolResult> {
  const [program, ...args] = [...on(machine), ...command] as const
  return runTool(program, args, {
    env: { ...ownEnvironment(), ...env },
    timeoutSeconds,
    leavesServices: true,
    ...(anyEnd && { okExitCodes: anyExitCode }),
    ...(stdin !== undefined && { stdin }),
  })
}

function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(passedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])))
}
