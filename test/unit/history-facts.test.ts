import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type HistoryEvent, ranOf } from '../../adapters/history/history-facts.ts'

const recorded = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'replay', 'histories', 'backupSystem.degraded.json'), 'utf8')) as {
  events: readonly HistoryEvent[]
}

const payload = (value: unknown) => ({ data: Buffer.from(JSON.stringify(value)).toString('base64') })
let id = 0
const event = (members: Partial<HistoryEvent>): HistoryEvent => ({ eventId: String(++id), eventTime: '2026-11-21T02:00:00Z', ...members })
const decided = (buildId: string, sdkVersion?: string) =>
  event({ workflowTaskCompletedEventAttributes: { identity: 'w1', workerVersion: { buildId }, ...(sdkVersion && { sdkMetadata: { sdkVersion } }) } })
const asked = (activityId: string, name: string, queue: string) =>
  event({ activityTaskScheduledEventAttributes: { activityId, activityType: { name }, taskQueue: { name: queue } } })
const begun = ({ eventId: scheduledEventId }: HistoryEvent, identity: string, attempt: number) =>
  event({ activityTaskStartedEventAttributes: { scheduledEventId, identity, attempt } })

describe('what a history says of its run', () => {
  it('is each activity with its summary, queue, worker, attempts and end', () => {
    const { activities, workers, sdk } = ranOf(recorded.events, null)
    assert.deepEqual(workers, ['muster-recorder'])
    assert.equal(sdk, '1.24.0')
    const copies = activities.filter(({ name }) => name === 'publishCopy')
    assert.equal(copies.length, 6)
    const offsite = copies.find(({ what }) => what === 'copy database → offsite')
    assert.equal(offsite?.queue, 'muster-host-localhost')
    assert.ok(offsite?.ended === 'failed' || offsite?.ended === 'timed-out', offsite?.ended ?? 'nothing')
    assert.ok(offsite.attempts > 1 && offsite.startedAt !== null && offsite.endedAt !== null && offsite.endedAt > offsite.startedAt)
    assert.ok(activities.filter(({ ended }) => ended === 'completed').length > 8)
  })

  it('ends before the activity that asks, so that a repeated attempt is told the same', () => {
    const first = asked('1', 'planBackup', 'muster-site-primary')
    const own = asked('2', 'writeEvidence', 'muster-site-primary')
    const events = [decided('a'.repeat(64)), first, begun(first, 'w2', 1), decided('a'.repeat(64)), own, begun(own, 'w3', 1)]
    const { activities, workers } = ranOf(events, '2')
    assert.deepEqual(
      activities.map(({ name }) => name),
      ['planBackup'],
    )
    assert.deepEqual(workers, ['w1', 'w2'])
    assert.deepEqual(ranOf([...events, decided('b'.repeat(64))], '2'), ranOf(events, '2'))
  })

  it('names each bundle that decided, in the order of use, and nothing that is no hash of one', () => {
    const { code, sdk } = ranOf([decided('@temporalio/worker@1.24.0+abc', '1.24.0'), ...['a', 'a', 'b', 'a'].map((one) => decided(one.repeat(64)))], null)
    assert.deepEqual(
      code,
      ['a', 'b', 'a'].map((one) => one.repeat(64)),
    )
    assert.equal(sdk, '1.24.0')
  })

  it('has the versions of programs by host, whatever else a result holds', () => {
    const steps = ['muster-host-db1', 'muster-host-db1-urgent', 'muster-host-app-urgent', 'muster-site-primary'].map((queue, n) =>
      asked(`t${n}`, 'work', queue),
    )
    const results: unknown[] = [{ tools: { age: '1.2.1' } }, { tools: { zstd: '1.5.4', odd: 7 } }, { tools: 'none' }, { tools: { tar: '1.34' } }]
    const ends = steps.map(({ eventId: scheduledEventId }, n) =>
      event({ activityTaskCompletedEventAttributes: { scheduledEventId, result: { payloads: [payload(results[n])] } } }),
    )
    const broken = asked('t9', 'work', 'muster-host-db1')
    const end = event({ activityTaskCompletedEventAttributes: { scheduledEventId: broken.eventId, result: { payloads: [{ data: 'bm90IGpzb24=' }] } } })
    assert.deepEqual(ranOf([...steps, ...ends, broken, end], null).tools, { db1: { age: '1.2.1', zstd: '1.5.4' } })
  })
})
