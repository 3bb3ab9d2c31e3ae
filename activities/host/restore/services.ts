/** Services of a system, one at a time; "stopped" and "healthy" are what is observed. */
import { MusterError } from '../../../domain/failures.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { passingGuards } from '../guard-permits.ts'
import { claimOf, serviceEpochs } from './claims.ts'

export interface ServiceStep {
  readonly system: string
  readonly service: string
  readonly configHash: string
}

/**
 * Stops a service and sees it stopped.
 *
 * Effect: users are not served by it.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: EpochSuperseded, CommandFailed, Timeout.
 */
export function stopService(agent: Agent) {
  return async (step: ServiceStep, work: Work): Promise<{ readonly state: 'stopped' }> => {
    const { config } = await agent.config(step.configHash)
    const service = agent.service(config, step.system, step.service)
    const place = serviceEpochs(agent, step.system, step.service)
    const epoch = await agent.members.takeEpoch(place, claimOf(work))
    if ((await service.observe(work.signal)) !== 'running') return { state: 'stopped' }
    await service.stop(work.signal, () => agent.members.insistNewest(place, epoch))
    return { state: 'stopped' }
  }
}

/**
 * Starts a service and sees it running.
 *
 * Effect: users are served by it.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: EpochSuperseded, ServiceUnhealthy, CommandFailed, Timeout.
 */
export function startService(agent: Agent) {
  return async (step: ServiceStep, work: Work): Promise<{ readonly state: 'running' }> => {
    const { config } = await agent.config(step.configHash)
    const service = agent.service(config, step.system, step.service)
    const place = serviceEpochs(agent, step.system, step.service)
    const epoch = await agent.members.takeEpoch(place, claimOf(work))
    if ((await service.observe(work.signal)) !== 'stopped') return { state: 'running' }
    const mayAct = () => agent.members.insistNewest(place, epoch)
    await passingGuards(agent, step.system, () => service.start(work.signal, mayAct))
    return { state: 'running' }
  }
}

/**
 * Waits until a service is healthy, and stays so.
 *
 * Effect: none.
 * Idempotent: yes, it only looks.
 * Heartbeat: each look.
 * Fails with: ServiceUnhealthy with what the last look saw.
 */
export function awaitHealthy(agent: Agent) {
  return async (step: ServiceStep & { readonly withinSeconds: number; readonly forSeconds: number }, work: Work): Promise<{ readonly seconds: number }> => {
    const { config } = await agent.config(step.configHash)
    systemOf(config, step.system)
    const service = agent.service(config, step.system, step.service)
    const startedAt = Date.now()
    for (;;) {
      const { healthy, detail } = await service.health(work.signal)
      work.progress({ phase: detail, doneBytes: 0, totalBytes: null })
      const seconds = (Date.now() - startedAt) / 1000
      if (healthy) return { seconds }
      if (seconds > step.withinSeconds)
        throw new MusterError('ServiceUnhealthy', `${step.system}/${step.service} is not healthy after ${Math.round(seconds)} s: ${detail}`)
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
  }
}
