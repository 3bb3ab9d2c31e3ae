/** Activities that lose their process at the moment of a fault, between two names made in the filesystem where that is asked for. */
import fileSystem from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { Context } from '@temporalio/activity'
import { type Arming, type Fault, sameStep, type StepReport, stepName } from './fault.ts'

type Run = (input: unknown) => Promise<unknown>

interface Attempt {
  readonly step: string
  readonly nth: number
  /** The fault, where it is this attempt's. */
  readonly hit: Fault | null
  names: number
}

/** Long enough for an answer to be on its way, should no step follow it. */
const reportedMs = 400

export interface FaultyActivities {
  arm(arming: Arming): void
  /** Put around the activities of a worker. */
  wrap<A extends object>(activities: A): A
}

/**
 * @param did told what each attempt did
 * @param held told when the step is done at which the fault wants to be asked; the step is reported once it answers
 */
export function createFaultyActivities(did: (report: StepReport) => void, held: () => Promise<void>): FaultyActivities {
  let fault: Fault | null = null
  let reported = false
  /** Ids of the activities of a step, by workflow, in the order they came. */
  const seen = new Map<string, string[]>()
  const running = new Map<string, Attempt>()
  let lost = false
  /** Once: a frozen process that goes on goes on. */
  const die = () => {
    if (lost) return
    lost = true
    process.kill(process.pid, fault?.signal ?? 'SIGKILL')
  }

  const idsOf = (workflowId: string, step: string): string[] => {
    const key = `${workflowId} ${step}`
    const ids = seen.get(key) ?? []
    seen.set(key, ids)
    return ids
  }

  const begin = (activity: string, input: unknown): Attempt => {
    const { info } = Context.current()
    const step = stepName(activity, input)
    const ids = idsOf(info.workflowExecution?.workflowId ?? '', step)
    if (!ids.includes(info.activityId)) ids.push(info.activityId)
    const nth = ids.indexOf(info.activityId) + 1
    const isHit = fault !== null && info.workflowExecution?.workflowId === fault.workflowId && sameStep(fault, { step, nth })
    return { step, nth, hit: isHit ? fault : null, names: 0 }
  }

  const faulty =
    (activity: string, run: Run): Run =>
    async (input) => {
      if (reported) die()
      const attempt = begin(activity, input)
      const { hit, step, nth } = attempt
      running.set(attemptKey(), attempt)
      if (hit?.moment === 'running') void sleep(hit.afterMs).then(die)
      const startedAt = performance.now()
      try {
        return await run(input)
      } finally {
        running.delete(attemptKey())
        did({ step, nth, milliseconds: Math.round(performance.now() - startedAt), names: attempt.names })
        if (hit?.moment === 'running' || hit?.moment === 'effect') die()
        if (fault?.holdAt === step) await held()
        if (hit?.moment === 'after') {
          reported = true
          void sleep(reportedMs).then(die)
        }
      }
    }

  hookNames((from, to) => {
    if (!counted.test(from) && !counted.test(to)) return
    const attempt = running.get(attemptKey())
    if (!attempt) return
    attempt.names += 1
    if (attempt.hit?.moment === 'name' && attempt.names === attempt.hit.name) die()
  })

  return {
    arm(next) {
      fault = next.fault
      // The id of a run's workflow comes again with the next run.
      for (const key of seen.keys()) if (key.startsWith(`${fault.workflowId} `)) seen.delete(key)
      for (const step of new Set(next.known.map((one) => one.step))) {
        const ids = next.known.filter((one) => one.step === step).map(({ id }) => id)
        idsOf(fault.workflowId, step).push(...ids)
      }
      reported = false
      lost = false
    },
    wrap(activities) {
      return Object.fromEntries(Object.entries(activities).map(([name, run]) => [name, faulty(name, run as Run)])) as typeof activities
    },
  }
}

/** Of the attempt whose code is running; empty outside of any. */
function attemptKey(): string {
  try {
    return Buffer.from(Context.current().info.taskToken).toString('base64')
  } catch {
    return ''
  }
}

/** Where names are what others go by: epochs of members, backups, control records, evidence and the audit chain in stores. */
const counted = /\/epoch-\d{6}(\/|$)|\/stores\/[^/]+\/(backups|records|evidence|audit|histories)\//

/** Every rename and hard link of this process, right after it: what a crash can come between. */
function hookNames(made: (from: string, to: string) => void): void {
  const { rename, link } = fileSystem
  fileSystem.rename = async (from, to) => {
    await rename(from, to)
    made(String(from), String(to))
  }
  fileSystem.link = async (from, to) => {
    await link(from, to)
    made(String(from), String(to))
  }
  syncBuiltinESMExports()
}
