/** The old side of a move: what its agents see, and stopping it through them. */
import type { PostgresqlDecision } from '../../domain/decision.ts'
import type { MoveScope } from '../../activities/site/scope-move.ts'
import { sourceHosts } from '../../domain/move.ts'
import type { DatabaseObservation, ServiceObservation } from '../../domain/target.ts'
import type { TimeLimits } from '../../domain/time-limits.ts'
import { promptOnHost, undoOnHost } from '../activity-options.ts'
import { failureOf, isFailure } from '../failure-of.ts'
import { type RestoreContext, type StepContext, stepOf, timed } from '../restore/context.ts'
import { together } from '../together.ts'
import type { SourceSeen } from './context.ts'

/** What stopping the old side needs of a run. */
export interface StopContext extends StepContext, Pick<RestoreContext, 'saga' | 'board' | 'steps' | 'tails'> {
  readonly scope: MoveScope
  /** Where a breach is answered: what is stopped is not started again when the run is rolled back, whoever had started it. */
  readonly staysStopped: boolean
  /** Where hosts of the old side are under suspicion: what its agents fail with holds nothing up, and what they say proves nothing. */
  readonly doubted?: boolean
  /** Hosts whose agents did not answer before. */
  readonly absent: readonly string[]
  readonly plan: StepContext['plan'] & { readonly limits: TimeLimits }
}

/**
 * Agents that are gone are part of the answer.
 * @param absent hosts whose agents were gone at the last look: whether they are back is said soon, since people wait
 */
export async function lookAtSource(
  system: string,
  scope: MoveScope,
  absent: readonly string[] = [],
  believed = true,
): Promise<SourceSeen & { readonly absent: readonly string[] }> {
  const seen = await Promise.all(
    sourceHosts(scope.source).map((host) => lookAtHost(system, absent.includes(host) ? { ...scope, limits: soon(scope.limits) } : scope, host, believed)),
  )
  return {
    databases: seen.flatMap(({ databases }) => databases),
    services: seen.flatMap(({ services }) => services),
    absent: seen.flatMap(({ absent }) => absent),
  }
}

const returnedSeconds = 2

function soon(limits: TimeLimits): TimeLimits {
  return { ...limits, agentSeconds: Math.min(limits.agentSeconds, returnedSeconds) }
}

/** What was handed to an agent whose link was cut a moment ago is given to the next one, if there is any, without a pause. */
function atOnce(limits: TimeLimits): TimeLimits {
  return { ...limits, retrySeconds: Math.min(limits.retrySeconds, 1) }
}

async function lookAtHost(system: string, scope: MoveScope, host: string, believed: boolean): Promise<SourceSeen & { readonly absent: readonly string[] }> {
  try {
    const observed = await promptOnHost(host, 'control', atOnce(scope.limits)).observeTargets.executeWithOptions(
      { summary: `look at the old side on ${host}` },
      [
        {
          system,
          components: scope.source.databases.filter((one) => one.host === host).map(({ component }) => component),
          services: scope.source.services.filter((one) => one.host === host).map(({ service }) => service),
          configHash: scope.configHash,
          into: null,
        },
      ],
    )
    return {
      databases: observed.flatMap((one) => (one.type === 'postgresql' ? [{ ...one, host }] : [])),
      services: observed.filter((one): one is ServiceObservation => one.type === 'service'),
      absent: [],
    }
  } catch (error) {
    if (!isFailure(error) || !isNoAnswer(error, believed)) throw error
    return { databases: [], services: [], absent: [host] }
  }
}

/** Where its agents are not believed, whatever they fail with is no answer: who rules a host must not hold up the move away from it. */
function isNoAnswer(error: unknown, believed: boolean): boolean {
  const { type } = failureOf(error)
  return type === 'AgentAbsent' || (!believed && type !== 'Cancelled')
}

/** Hosts whose agents did not answer, and what failed where they are not believed: of both nothing is proven. */
export interface Stopped {
  readonly absent: readonly string[]
  readonly problems: readonly string[]
}

/**
 * Stops what can be reached of the old side, services in reverse order and then databases, and saves the tails. What ran is
 * started again when the move is rolled back. Where a breach is answered, one step that fails hinders no other.
 */
export async function stopSource(context: StopContext): Promise<Stopped> {
  return timed(context, 'stop the old side', async () => {
    const isDoubted = context.staysStopped || context.doubted === true
    const seen = await lookAtSource(context.input.system, context.scope, context.absent, !isDoubted)
    const ended: Ended = { gone: new Set(seen.absent), problems: isDoubted ? [] : null }
    for (const { service } of context.scope.source.services) {
      const found = seen.services.find((one) => one.service === service)
      if (found) await unlessGone(ended, found.host, `stop ${service}`, () => stopService(context, found))
    }
    await together(
      seen.databases.map(
        (database) => () => unlessGone(ended, database.host, `stop ${database.component}`, () => stopDatabase(context, database, database.host)),
      ),
    )
    return { absent: [...ended.gone], problems: ended.problems ?? [] }
  })
}

interface Ended {
  readonly gone: Set<string>
  /** Null where a failure is believed, and ends the run. */
  readonly problems: string[] | null
}

async function unlessGone({ gone, problems }: Ended, host: string, what: string, stop: () => Promise<void>): Promise<void> {
  if (gone.has(host)) return
  try {
    await stop()
  } catch (error) {
    if (!isFailure(error)) throw error
    const { type, message } = failureOf(error)
    if (type === 'AgentAbsent') gone.add(host)
    else if (problems !== null && type !== 'Cancelled') problems.push(`${what} on ${host}: ${message}`)
    else throw error
  }
}

async function stopService(context: StopContext, { service, host, state }: ServiceObservation): Promise<void> {
  const { limits, decision } = context.plan
  const where = { system: context.input.system, configHash: decision.configHash, service }
  if (state === 'running' && !context.staysStopped) {
    context.saga.before(`start the old ${service} again`, () =>
      undoOnHost(host, limits).startService.executeWithOptions({ summary: `start the old ${service} again` }, [where]),
    )
  }
  await promptOnHost(host, 'control', limits).stopService.executeWithOptions({ summary: `stop the old ${service}` }, [where])
}

/** Who rules a host could fill its disk, or answer for ever: the tail of a life that is left is not worth the wait. */
function brief(limits: TimeLimits): TimeLimits {
  return { ...limits, transferSeconds: Math.min(limits.transferSeconds, doubtfulTailSeconds) }
}

const doubtfulTailSeconds = 900

async function stopDatabase(context: StopContext, seen: DatabaseObservation, host: string): Promise<void> {
  const limits = context.staysStopped ? brief(context.plan.limits) : context.plan.limits
  const step = stepOf(context, sourceDecision(seen, host))
  const { component } = seen
  if (!context.staysStopped) {
    context.saga.before(`start the old ${component} again`, () =>
      undoOnHost(host, limits).startOldDatabase.executeWithOptions({ summary: `start the old ${component} again` }, [step]),
    )
  }
  await promptOnHost(host, 'control', limits).stopDatabase.executeWithOptions({ summary: `stop the old ${component}` }, [step])
  context.tails.set(component, await promptOnHost(host, 'transfer', limits).saveTail.executeWithOptions({ summary: `save the tail of ${component}` }, [step]))
}

/** What the steps that stop a server and save its tail need; the old side is not restored. */
function sourceDecision(seen: DatabaseObservation, host: string): PostgresqlDecision {
  return {
    type: 'postgresql',
    component: seen.component,
    host,
    directory: seen.directory,
    port: null,
    identity: null,
    running: seen.running,
    fromStore: '',
    backup: '',
    incarnation: '',
    timelineId: seen.timelineId ?? 0,
    setAside: seen.setAside,
    tablespaces: [],
    walDirectory: null,
    safetyPath: null,
  }
}
