/** What a recorded history is made of, and what several of them share. */
import type { WorkflowHandle } from '@temporalio/client'
import { type ActivityName, type Play, type Script, until } from '../test/support/scripted-activities.ts'

export interface Recording {
  readonly script?: Partial<Script>
  readonly input?: Readonly<Record<string, unknown>>
  /** Of the run; the right one of the workflow otherwise. */
  readonly id?: string
  /** What people do while it runs. */
  readonly meanwhile?: (handle: WorkflowHandle, play: Play) => Promise<unknown>
  /** Name under which the history of the system's own failover is kept, of the failover of its site. */
  readonly child?: string
  /** Scripts of the runs of its schedule before this one. */
  readonly after?: readonly Partial<Script>[]
}

/** Cancels a run as soon as the step has begun. */
export const cancelAt = (activity: ActivityName) => async (handle: WorkflowHandle, play: Play) => {
  await until(activity, () => play.calls(activity).length > 0)
  await handle.cancel()
}

export const roles = ['on call', 'lead', 'head']
/** The second contact after so long, the third never. */
export const turns = (seconds: number) => roles.map((role, index) => ({ role, escalateAfterSeconds: index === 0 ? seconds : 600 }))

const onlyLogged = { delivered: ['log'], failed: [{ channel: 'email', problem: 'refused' }], contacts: [] }
/** No channel takes a notice, and no contact is reached. */
export const unheard: Script['notifyPeople'] = () => onlyLogged
