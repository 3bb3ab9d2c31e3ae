import assert from 'node:assert/strict'
import { MusterError } from '../../domain/failures.ts'
import type { ScheduleSpec } from '../../domain/schedule-spec.ts'
import { checkScheduleZone, describeSchedule, nextRuns, parseSchedule } from '../../domain/schedule-spec.ts'

const now = new Date('2026-11-21T10:20:30Z')

function invalid(pattern: RegExp) {
  return (error: unknown) => error instanceof MusterError && error.type === 'InvalidInput' && pattern.test(error.message)
}

function runs(text: string, zone = 'UTC', count = 3, after = now): readonly string[] {
  return (nextRuns(parseSchedule(text), zone, after, count) ?? []).map((run) => run.toISOString().slice(0, 16))
}

describe('a schedule', () => {
  it('is read from each of its texts', () => {
    const specs: readonly [string, ScheduleSpec, string][] = [
      ['6h', { kind: 'interval', everySeconds: 21_600 }, 'every 6 hours'],
      ['30m', { kind: 'interval', everySeconds: 1800 }, 'every 30 minutes'],
      ['90m', { kind: 'interval', everySeconds: 5400 }, 'every 90 minutes'],
      ['1w', { kind: 'interval', everySeconds: 604_800 }, 'every week'],
      ['hourly', { kind: 'interval', everySeconds: 3600 }, 'every hour'],
      ['daily 02:00', { kind: 'daily', hour: 2, minute: 0 }, 'every day at 02:00 UTC'],
      [' Daily  02:00 ', { kind: 'daily', hour: 2, minute: 0 }, 'every day at 02:00 UTC'],
      ['weekly sunday 03:00', { kind: 'weekly', weekday: 0, hour: 3, minute: 0 }, 'every Sunday at 03:00 UTC'],
      ['monthly day 1 03:05', { kind: 'monthly', day: 1, hour: 3, minute: 5 }, 'on day 1 of every month at 03:05 UTC'],
      ['at 2026-12-01T02:00:00Z', { kind: 'at', at: '2026-12-01T02:00:00Z' }, 'once at 2026-12-01T02:00:00Z'],
      ['at 2026-12-01T02:00Z', { kind: 'at', at: '2026-12-01T02:00:00Z' }, 'once at 2026-12-01T02:00:00Z'],
      ['cron 0 2 * * *', { kind: 'cron', expression: '0 2 * * *' }, 'by cron 0 2 * * * UTC'],
    ]
    for (const [text, spec, description] of specs) {
      assert.deepEqual(parseSchedule(text), spec, text)
      assert.equal(describeSchedule(spec), description)
    }
    assert.equal(describeSchedule(parseSchedule('daily 02:00'), 'Asia/Tokyo'), 'every day at 02:00 Asia/Tokyo')
  })

  it('is refused with what to write when it is anything else', () => {
    const wrong: readonly [string, RegExp][] = [
      ['', /is not a schedule: write 6h, hourly/],
      ['fortnightly', /is not a schedule/],
      ['6 hours', /is not a schedule/],
      ['6x', /is not a duration/],
      ['0s', /is no interval/],
      ['-6h', /is not a schedule/],
      ['daily', /is not a schedule/],
      ['daily 2:00', /not a time of day: write two digits/],
      ['daily 24:00', /not a time of day/],
      ['daily 02:00 03:00', /is not a schedule/],
      ['weekly 03:00', /is not a schedule/],
      ['weekly sonntag 03:00', /not a weekday: sunday, monday/],
      ['monthly 1 03:00', /is not a schedule/],
      ['monthly day 0 03:00', /every month has: write 1 to 28/],
      ['monthly day 31 03:00', /every month has: write 1 to 28/],
      ['at 2026-02-30T02:00:00Z', /not a moment in UTC/],
      ['at 2026-12-01T02:00:00', /not a moment in UTC/],
      ['at 2026-12-01T02:00:00+01:00', /not a moment in UTC/],
      ['at 2026-12-01T24:00:00Z', /not a moment in UTC/],
      ['at tomorrow', /not a moment in UTC/],
      ['cron', /five fields/],
      ['cron 0 2 * * * *', /five fields/],
      ['cron @daily', /five fields/],
      ['cron 60 2 * * *', /is not a minute/],
      ['cron 0 2-1 * * *', /is not a hour/],
      ['cron 0 2 0 * *', /is not a day/],
      ['cron 0 2 * 13 *', /is not a month/],
      ['cron 0 2 * * 7', /is not a weekday: .*0 is Sunday/],
      ['cron */0 2 * * *', /is not a minute/],
      ['cron 0 2 1 * 1', /limits both day and weekday/],
      ['cron 0 2 30 2 *', /a date that no year has/],
    ]
    for (const [text, pattern] of wrong) assert.throws(() => parseSchedule(text), invalid(pattern), text)
  })

  it('accepts the cron that all crons agree on', () => {
    for (const text of ['*/15 * * * *', '0 2,14 * * mon-fri', '5/10 0-6/2 * jan,JUL *', '0 0 29 2 *']) parseSchedule(`cron ${text}`)
  })

  it('shows its next runs strictly after a moment', () => {
    assert.deepEqual(runs('6h'), ['2026-11-21T12:00', '2026-11-21T18:00', '2026-11-22T00:00'])
    assert.deepEqual(runs('6h', 'UTC', 1, new Date('2026-11-21T12:00:00Z')), ['2026-11-21T18:00'])
    assert.deepEqual(runs('daily 02:00'), ['2026-11-22T02:00', '2026-11-23T02:00', '2026-11-24T02:00'])
    assert.deepEqual(runs('daily 10:21', 'UTC', 1), ['2026-11-21T10:21'])
    assert.deepEqual(runs('weekly saturday 03:00'), ['2026-11-28T03:00', '2026-12-05T03:00', '2026-12-12T03:00'])
    assert.deepEqual(runs('monthly day 28 23:59'), ['2026-11-28T23:59', '2026-12-28T23:59', '2027-01-28T23:59'])
    assert.deepEqual(runs('monthly day 1 00:00', 'UTC', 14).at(-1), '2028-01-01T00:00')
    assert.deepEqual(runs('at 2026-12-01T02:00:00Z'), ['2026-12-01T02:00'])
    assert.deepEqual(runs('at 2026-01-01T02:00:00Z'), [])
    assert.equal(nextRuns(parseSchedule('cron 0 2 * * *'), 'UTC', now, 3), null)
  })

  it('keeps its local time over a clock change of its zone', () => {
    const before = new Date('2027-03-27T00:00:00Z')
    assert.deepEqual(runs('daily 04:00', 'Europe/Berlin', 2, before), ['2027-03-27T03:00', '2027-03-28T02:00'])
    assert.deepEqual(runs('daily 09:00', 'Asia/Tokyo', 1, new Date('2026-11-21T00:00:00Z')), ['2026-11-22T00:00'])
  })
})

describe('the zone of a schedule', () => {
  const check = (text: string, zone: string, from = now) => checkScheduleZone(parseSchedule(text), zone, from)

  it('passes where no clock change touches the local time', () => {
    check('daily 02:30', 'UTC')
    check('daily 04:00', 'Europe/Berlin')
    check('weekly monday 02:30', 'Europe/Berlin')
    check('monthly day 1 02:30', 'Europe/Berlin')
    check('daily 02:30', 'Asia/Kolkata')
    check('cron 0 4 * * *', 'Europe/Berlin')
  })

  it('is refused where a clock change skips the local time, with the date and another time', () => {
    assert.throws(() => check('daily 02:30', 'Europe/Berlin'), invalid(/on 2027-03-28 Europe\/Berlin skips 02:00 to 03:00.*write 03:00 instead/))
    assert.throws(() => check('daily 02:00', 'Europe/Berlin'), invalid(/skips/))
    check('daily 03:00', 'Europe/Berlin')
    assert.throws(() => check('cron 30 * * * *', 'Europe/Berlin'), invalid(/skips .*choose hours outside/))
  })

  it('is refused where a clock change doubles the local time, also by half an hour', () => {
    assert.throws(() => check('daily 01:30', 'America/New_York'), invalid(/on 2027-11-07 America\/New_York doubles 01:00 to 02:00.*write 03:00/))
    assert.throws(() => check('daily 01:45', 'Australia/Lord_Howe'), invalid(/doubles 01:30 to 02:00/))
    check('daily 01:15', 'Australia/Lord_Howe')
  })

  it('looks two years ahead and no further', () => {
    // The clock of Berlin goes forward on 28 March 2027 and on 26 March 2028.
    assert.throws(() => check('monthly day 26 02:30', 'Europe/Berlin'), invalid(/2028-03-26/))
    check('monthly day 26 02:30', 'Europe/Berlin', new Date('2026-01-01T00:00:00Z'))
  })

  it('is refused when it is none, is spelt otherwise, or has no effect', () => {
    for (const zone of ['Europe/Berln', 'Berlin', '+02:00', 'europe/berlin', '', 'CET', '../etc']) {
      assert.throws(() => check('daily 04:00', zone), invalid(/is not a time zone/), zone)
    }
    assert.throws(() => check('daily 04:00', 'Europe/BERLIN'), invalid(/did you mean "Europe\/Berlin"/))
    for (const text of ['6h', 'hourly', 'at 2026-12-01T02:00:00Z']) assert.throws(() => check(text, 'Europe/Berlin'), invalid(/no effect/), text)
  })
})
