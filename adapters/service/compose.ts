/** A service of a compose project. Its state is what `docker compose ps` says of its containers, before and after each command. */
import type { ServiceConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { runTool, toolExitOf } from '../process/run-tool.ts'
import { lookAtHealth } from './health.ts'
import { awaitState, pause } from './observed.ts'
import type { ServiceAdapter } from './service.ts'

type ComposeControl = Extract<ServiceConfig['control'], { type: 'compose' }>

/** What `ps --format json` says of a container; keys that are not read are left out. */
interface Container {
  readonly Name?: string
  /** created, running, paused, restarting, removing, exited or dead. */
  readonly State?: string
  /** Of a container with a health check: starting, healthy or unhealthy. */
  readonly Health?: string
  readonly ExitCode?: number
}

const lookSeconds = 30
const ended = new Set(['created', 'exited', 'dead'])

/**
 * `docker` runs as the user of the agent, or as `runAs`. Containers that the service depends on are neither started nor
 * stopped with it: each is a service of its own, in its place of the order. Paused and restarting containers are not
 * stopped, and not healthy. Start and stop look first and may be repeated.
 * @throws MusterError besides those of the port: UnknownName (the project has no such service), PreconditionFailed, Cancelled
 */
export function createComposeService(config: ServiceConfig, control: ComposeControl, docker: string): ServiceAdapter {
  const { name, startTimeoutSeconds, stopTimeoutSeconds } = config
  const place = ['compose', '--file', control.file, ...(control.project === undefined ? [] : ['--project-name', control.project])]
  const run = (args: readonly string[], timeoutSeconds: number, signal?: AbortSignal, mayStart?: () => void) =>
    runTool(docker, [...place, ...args, control.service], {
      timeoutSeconds,
      leavesServices: true,
      ...(config.runAs === undefined ? {} : { runAs: config.runAs }),
      ...(signal && { signal }),
      ...(mayStart && { mayStart }),
    }).catch(explain(control, name))

  async function look(signal?: AbortSignal): Promise<readonly Container[]> {
    const { stdout } = await run(['ps', '--all', '--format', 'json'], lookSeconds, signal)
    return containersOf(stdout, name)
  }

  const service: ServiceAdapter = {
    name,
    async observe(signal) {
      return (await look(signal)).every(isEnded) ? 'stopped' : 'running'
    },
    async start(signal, mayAct) {
      if (isUp(await look(signal))) return
      const deadline = performance.now() + startTimeoutSeconds * 1000
      await run(['up', '--detach', '--no-deps'], startTimeoutSeconds, signal, mayAct)
      for (;;) {
        const isLastLook = performance.now() >= deadline
        const seen = await look(signal)
        if (isUp(seen)) return
        if (seen.every(isEnded) || isLastLook) throw didNotStart(control, name, seen)
        await pause(name, signal)
      }
    },
    async stop(signal, mayAct) {
      if ((await look(signal)).every(isEnded)) return
      await run(['stop', '--timeout', String(Math.ceil(stopTimeoutSeconds))], stopTimeoutSeconds + lookSeconds, signal, mayAct)
      await awaitState(service, 'stopped', stopTimeoutSeconds, signal)
    },
    async health(signal) {
      if (config.health) return lookAtHealth(config.health, config.runAs, signal)
      const seen = await look(signal)
      return { healthy: isUp(seen), detail: textOf(control, name, seen) }
    },
  }
  return service
}

/** One object a line; releases before 2.21 printed one list. */
function containersOf(text: string, name: string): readonly Container[] {
  try {
    const said = text.trim()
    if (said.startsWith('[')) return JSON.parse(said) as Container[]
    return said === '' ? [] : said.split('\n').map((line) => JSON.parse(line) as Container)
  } catch (error) {
    // What cannot be read is no proof that it is stopped.
    throw new MusterError('CommandFailed', `docker compose ps says nothing that can be read about service "${name}"`, { cause: error })
  }
}

function isEnded({ State }: Container): boolean {
  return ended.has(State ?? '')
}

function isUp(seen: readonly Container[]): boolean {
  return seen.length > 0 && seen.every(({ State, Health = '' }) => State === 'running' && (Health === '' || Health === 'healthy'))
}

function textOf({ service, file }: ComposeControl, name: string, seen: readonly Container[]): string {
  const containers = seen.map(({ Name = '?', State = '?', Health = '', ExitCode = 0 }) => {
    const more = State === 'running' ? Health : ended.has(State) && State !== 'created' ? `code ${ExitCode}` : ''
    return `${Name} is ${State}${more && ` (${more})`}`
  })
  return `service "${name}" (${service} of ${file}): ${containers.join(', ') || 'it has no container'}`
}

function didNotStart(control: ComposeControl, name: string, seen: readonly Container[]): MusterError {
  return new MusterError('ServiceUnhealthy', `${textOf(control, name, seen)} after it was started`, {
    hint: `look at its log: docker compose --file ${control.file} logs ${control.service}`,
  })
}

function explain({ service, file }: ComposeControl, name: string) {
  return (error: unknown): never => {
    const said = toolExitOf(error)?.stderrTail ?? ''
    if (/no such service/i.test(said)) {
      throw new MusterError('UnknownName', `${file} has no service "${service}" (service "${name}")`, {
        cause: error,
        hint: `correct it in muster.yaml: docker compose --file ${file} config --services shows what there is`,
      })
    }
    if (/is not a docker command|unknown (shorthand )?flag/i.test(said)) {
      throw new MusterError('PreconditionFailed', `docker on this host has no compose (service "${name}")`, {
        cause: error,
        hint: 'install the compose plugin, version 2',
      })
    }
    throw error
  }
}
