/** `systems` as people write them: backups, copies, restore; components and services have files of their own. */
import { z } from 'zod'
import { approvals } from './schema-approvals.ts'
import { breachSchema } from './schema-breach.ts'
import { componentsSchema } from './schema-components.ts'
import { copiesRequired } from './schema-copies.ts'
import { contactsSchema } from './schema-contacts.ts'
import { failoverSchema } from './schema-failover.ts'
import { dnsRecords } from './schema-dns.ts'
import { probesSchema } from './schema-probes.ts'
import { service } from './schema-services.ts'
import { commandWords, durationOrZero, nameText, positiveDuration, scheduleText, yesOrNo } from './schema-values.ts'

const backupRule = z.strictObject({
  name: nameText.optional().meta({ description: 'Name of its schedule. Made from every, unless configured.', examples: ['nightly'] }),
  components: z
    .union([z.literal('all'), z.array(nameText).min(1)], { error: 'must be all, or a list of components' })
    .default('all')
    .meta({ description: 'Which components; all, or a list.', examples: ['all', ['database']] }),
  kind: z.literal('full').default('full').meta({ description: 'Kind of the backup.' }),
  every: scheduleText.meta({
    description: 'When: an interval, hourly, daily, weekly, monthly, at, or cron with five fields.',
    examples: ['6h', 'hourly', 'daily 02:00', 'weekly sunday 03:00', 'monthly day 1 03:00', 'at 2026-12-01T02:00:00Z', 'cron 0 2 * * *'],
  }),
  zone: z
    .string()
    .default('UTC')
    .meta({
      description: 'Zone of the times. A time that a clock change of the zone skips or doubles is refused.',
      examples: ['Europe/Berlin'],
    }),
})

const restore = z.strictObject({
  approvals: approvals.prefault({}).meta({ description: 'Who must agree before a restore.' }),
  approvalExpires: positiveDuration.default('24h').meta({ description: 'How long a plan waits for its approval.', examples: ['2h'] }),
  commitAfter: durationOrZero.default('60s').meta({ description: 'Health must be good this long before a restore commits.', examples: ['5m', 0] }),
  keepSafetySets: positiveDuration.default('7d').meta({ description: 'How long what a restore replaced is kept.', examples: ['14d'] }),
  newerFiles: z
    .enum(['keep', 'discard'])
    .default('keep')
    .meta({
      description: 'What happens to files made after the backup and up to the target: keep brings them along, discard gives exactly the backup.',
      examples: ['discard'],
    }),
  stopFirst: yesOrNo.default(false).meta({ description: 'Stop the services before recovery begins, not after it.', examples: [true] }),
})

const drillRule = z.strictObject({
  name: nameText.optional().meta({ description: 'Name of its schedule. Made from kind and every, unless configured.', examples: ['monthly-drill'] }),
  kind: z
    .enum(['restore', 'pitr', 'component', 'failover'])
    .default('restore')
    .meta({
      description:
        'restore: the newest moment; pitr: a moment within the window; component: one component; failover: the newest moment at the other site, where a failover is planned first.',
      examples: ['pitr'],
    }),
  every: scheduleText.meta({ description: 'When; as for backups.', examples: ['weekly sunday 04:00', 'monthly day 1 03:00'] }),
  zone: z
    .string()
    .default('UTC')
    .meta({ description: 'Zone of the times.', examples: ['Europe/Berlin'] }),
  components: z
    .array(nameText)
    .min(1)
    .optional()
    .meta({ description: 'Which components. All, unless configured.', examples: [['database']] }),
  host: nameText.optional().meta({ description: 'Where it is rehearsed. On the host of the first component, unless configured.', examples: ['dr1'] }),
  from: nameText.optional().meta({ description: 'The store that is read. The fastest, unless configured.', examples: ['offsite'] }),
  random: yesOrNo.default(false).meta({ description: 'A recovery point by chance, however old.', examples: [true] }),
  smoke: commandWords.optional().meta({
    description:
      'A command run against what was restored, without a network: PGHOST, PGPORT, PGUSER and PGDATABASE lead to the database, MUSTER_DRILL_<COMPONENT> to each tree. It passes with exit code 0.',
    examples: [['/usr/local/bin/shop-smoke-test', '--read-only']],
  }),
})

const system = z.strictObject({
  priority: z
    .enum(['P1', 'P2', 'P3'])
    .default('P2')
    .meta({ description: 'P1 is the most important.', examples: ['P1'] }),
  objectives: z
    .strictObject({
      rpo: positiveDuration.optional().meta({
        description: 'Most that may be lost. No objective, unless configured: such a system is never shown as good.',
        examples: ['1h'],
      }),
      rto: positiveDuration.optional().meta({ description: 'Longest time until it is back. No objective, unless configured.', examples: ['4h'] }),
    })
    .prefault({})
    .meta({ description: 'What the business needs.' }),
  copies: z
    .strictObject({
      required: copiesRequired.prefault({}).meta({ description: 'A backup succeeds when this many copies are confirmed.' }),
    })
    .prefault({})
    .meta({ description: 'Copies of everything.' }),
  components: componentsSchema,
  services: z.record(nameText, service).default({}).meta({
    description: 'The programs that users are served by, by name, in the order in which they start; they stop in reverse.',
  }),
  dns: dnsRecords,
  backups: z
    .array(backupRule)
    .default([{ components: 'all', kind: 'full', every: 'daily 02:00', zone: 'UTC' }])
    .meta({
      description: 'When backups are made. A full one of everything, daily at 02:00 UTC, unless configured.',
    }),
  restore: restore.prefault({}).meta({ description: 'How a restore is done.' }),
  failover: failoverSchema.optional(),
  breach: breachSchema.optional(),
  probes: probesSchema.optional(),
  contacts: contactsSchema.optional().meta({ description: 'Who is told of this system. The contacts of the organisation, unless configured.' }),
  drills: z.array(drillRule).default([]).meta({ description: 'Which recoveries are rehearsed, in quarantine, and when. None, unless configured.' }),
})

export const systemsSchema = z
  .record(nameText, system)
  .refine((systems) => Object.keys(systems).length > 0, { error: 'needs at least one system' })
  .meta({ description: 'What the business calls one thing, by name: components, services and objectives.' })
