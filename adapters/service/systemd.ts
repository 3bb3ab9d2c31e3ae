/** A systemd unit. Its state is what `systemctl show` says of it, before and after each command. */
import type { ServiceConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { runTool, toolExitOf } from '../process/run-tool.ts'
import { lookAtHealth } from './health.ts'
import { awaitState, pause } from './observed.ts'
import type { ServiceAdapter } from './service.ts'

type SystemdControl = Extract<ServiceConfig['control'], { type: 'systemd' }>

interface UnitState {
  /** active, reloading, inactive, failed, activating, deactivating, … */
  readonly active: string
  /** For a person. */
  readonly detail: string
}

const lookSeconds = 30

/**
 * `systemctl` runs as the user of the agent, which must be allowed to start and stop the unit; `runAs` counts for
 * a health command. A unit on its way up or down (also one that systemd restarts again and again) is not stopped,
 * and not healthy. Start and stop look first and may be repeated.
 * @throws MusterError besides those of the port: UnknownName (systemd has no such unit), Cancelled
 */
export function createSystemdService(config: ServiceConfig, control: SystemdControl, systemctl: string): ServiceAdapter {
  const { name, startTimeoutSeconds, stopTimeoutSeconds } = config
  const { unit } = control
  const run = (args: readonly string[], timeoutSeconds: number, signal?: AbortSignal, mayStart?: () => void) =>
    runTool(systemctl, ['--no-ask-password', ...args, '--', unit], {
      timeoutSeconds,
      leavesServices: true,
      ...(signal && { signal }),
      ...(mayStart && { mayStart }),
    })

  async function look(signal?: AbortSignal): Promise<UnitState> {
    const { stdout } = await run(['show', '--property=LoadState,ActiveState,SubState,Result'], lookSeconds, signal)
    const { LoadState: load, ActiveState: active, SubState: sub, Result: result } = properties(stdout)
    if (load === 'not-found') {
      throw new MusterError('UnknownName', `systemd has no unit "${unit}" (service "${name}")`, {
        hint: 'correct the unit in muster.yaml: systemctl list-unit-files shows what there is',
      })
    }
    // No answer is no proof that it is stopped.
    if (!active) throw new MusterError('CommandFailed', `systemctl says nothing about unit ${unit} of service "${name}"`)
    const why = !result || result === 'success' ? '' : `, ${result}`
    return { active, detail: `unit ${unit} of service "${name}" is ${active} (${sub}${why})` }
  }

  /** A start job that fails is told apart from a systemctl that may not, or cannot, start it. */
  async function order(signal?: AbortSignal, mayAct?: () => void): Promise<void> {
    try {
      await run(['start'], startTimeoutSeconds, signal, mayAct)
    } catch (error) {
      const seen = toolExitOf(error) ? await look(signal) : null
      throw seen?.active === 'failed' ? didNotStart(unit, seen, error) : error
    }
  }

  const service: ServiceAdapter = {
    name,
    async observe(signal) {
      // A unit on its way up or down still holds files and sockets.
      return isStopped(await look(signal)) ? 'stopped' : 'running'
    },
    async start(signal, mayAct) {
      if (isUp(await look(signal))) return
      const deadline = performance.now() + startTimeoutSeconds * 1000
      await order(signal, mayAct)
      for (;;) {
        const isLastLook = performance.now() >= deadline
        const seen = await look(signal)
        if (isUp(seen)) return
        if (isStopped(seen) || isLastLook) throw didNotStart(unit, seen)
        await pause(name, signal)
      }
    },
    async stop(signal, mayAct) {
      if (isStopped(await look(signal))) return
      await run(['stop'], stopTimeoutSeconds, signal, mayAct)
      await awaitState(service, 'stopped', stopTimeoutSeconds, signal)
    },
    async health(signal) {
      if (config.health) return lookAtHealth(config.health, config.runAs, signal)
      const seen = await look(signal)
      return { healthy: isUp(seen), detail: seen.detail }
    },
  }
  return service
}

function isUp({ active }: UnitState): boolean {
  return active === 'active' || active === 'reloading' || active === 'refreshing'
}

function isStopped({ active }: UnitState): boolean {
  return active === 'inactive' || active === 'failed'
}

function didNotStart(unit: string, { detail }: UnitState, cause?: unknown): MusterError {
  return new MusterError('ServiceUnhealthy', `${detail} after it was started`, {
    cause,
    hint: `look at its log: journalctl -u ${unit}`,
  })
}

function properties(text: string): Readonly<Record<string, string>> {
  const pairs = text.split('\n').flatMap((line) => {
    const at = line.indexOf('=')
    return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1).trim()] as const]
  })
  return Object.fromEntries(pairs)
}
