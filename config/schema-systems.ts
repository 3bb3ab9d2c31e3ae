/** `systems` as people write them: backups, copies, restore; components and services have files of their own. */
import { z } from 'zod'
import { componentsSchema } from './schema-components.ts'
import { service } from './schema-services.ts'
import { durationOrZero, nameText, positiveDuration, scheduleText, yesOrNo } from './schema-values.ts'

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

const approvals = z.strictObject({
  count: z
    .int()
    .min(0)
    .max(1)
    .default(1)
    .meta({ description: 'How many people must approve.', examples: [0] }),
  accept: z.literal('claimed').default('claimed').meta({ description: 'What counts as an approval: claimed is a name typed by a person.' }),
  requesterMay: yesOrNo.optional().meta({
    description: 'Whether who asks for a restore may approve it. No where two or more people may approve, else yes.',
    examples: [false],
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

const copiesRequired = z.strictObject({
  total: z
    .int()
    .min(1)
    .max(20)
    .default(1)
    .meta({ description: 'Copies in all.', examples: [2] }),
  offHost: z
    .int()
    .min(0)
    .max(20)
    .default(0)
    .meta({ description: 'Of these, copies that survive the loss of the host.', examples: [1] }),
  offSite: z
    .int()
    .min(0)
    .max(20)
    .default(0)
    .meta({ description: 'Of these, copies that survive the loss of the site.', examples: [1] }),
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
  backups: z
    .array(backupRule)
    .default([{ components: 'all', kind: 'full', every: 'daily 02:00', zone: 'UTC' }])
    .meta({
      description: 'When backups are made. A full one of everything, daily at 02:00 UTC, unless configured.',
    }),
  restore: restore.prefault({}).meta({ description: 'How a restore is done.' }),
})

export const systemsSchema = z
  .record(nameText, system)
  .refine((systems) => Object.keys(systems).length > 0, { error: 'needs at least one system' })
  .meta({ description: 'What the business calls one thing, by name: components, services and objectives.' })
