/** `failover` of a system as people write it: where it goes when its site is lost, and what is different there. */
import { z } from 'zod'
import { approvals } from './schema-approvals.ts'
import { connection, server } from './schema-postgresql.ts'
import { copiesRequired } from './schema-copies.ts'
import { service } from './schema-services.ts'
import { absolutePath, commandWords, nameText, positiveDuration, userName } from './schema-values.ts'

const place = z.strictObject({
  host: nameText.optional().meta({ description: 'The host there. The only host of that site; to be written where it has several.', examples: ['dr1'] }),
  stores: z
    .array(nameText)
    .min(1)
    .optional()
    .meta({ description: 'Stores its copies go to while it is there. Every store that host reaches, unless configured.', examples: [['offsite']] }),
  dataDirectory: absolutePath
    .optional()
    .meta({ description: 'Data directory there. The same path, unless configured.', examples: ['/var/lib/postgresql/15/main'] }),
  connection: connection.optional().meta({ description: 'How the server is reached there. The same, unless configured.' }),
  binDirectory: absolutePath.optional().meta({ description: 'Directory of the PostgreSQL programs there.', examples: ['/usr/lib/postgresql/15/bin'] }),
  server: server.optional().meta({ description: 'What starts and stops the server there. The same, unless configured.' }),
  paths: z
    .array(absolutePath)
    .min(1)
    .optional()
    .meta({ description: 'The trees there, in the order of paths. The same paths, unless configured.', examples: [['/srv/shop/uploads']] }),
  runAs: userName.optional().meta({ description: 'Operating-system user there. The same, unless configured.', examples: ['postgres'] }),
})

const fence = z
  .strictObject({
    command: commandWords.meta({
      description: 'Stops the lost site by another way than through it, such as its power switch; run at the other site, one word per item.',
      examples: [['/usr/local/bin/power', 'off', 'db1']],
    }),
    proof: commandWords.meta({
      description:
        'Shows that it is stopped: exits with 0 only when that was seen. A command that was sent proves nothing. It only looks: each hour it is tried, and has to fail while the site serves.',
      examples: [['/usr/local/bin/power', 'is-off', 'db1']],
    }),
    timeout: positiveDuration.default('60s').meta({ description: 'How long each of them may take.', examples: ['2m'] }),
  })
  .meta({ description: 'How the lost site is stopped when its agents do not answer. Two people in writing, unless configured.' })

export const failoverSchema = z
  .strictObject({
    to: nameText.meta({ description: 'The site it goes to.', examples: ['dr'] }),
    mode: z.enum(['restore', 'warm']).default('restore').meta({
      description: 'restore: from the newest reachable moment in the stores. warm: so too, from a standby there that replays what the stores hold.',
    }),
    refreshEvery: positiveDuration
      .optional()
      .meta({ description: 'Of mode warm: how often the standby replays what the stores hold. 1m, unless configured.', examples: ['30s'] }),
    maxLoss: positiveDuration.optional().meta({
      description:
        'A failover that would lose more of a database than this is planned and shown, but begins only with --accept-loss. Where it is not configured and nobody has to approve, the bound is objectives.rpo.',
      examples: ['5m'],
    }),
    approvals: approvals
      .optional()
      .meta({ description: 'Who must agree before a failover. As for a restore, and signed where two people or more are configured.' }),
    copies: z
      .strictObject({ required: copiesRequired.meta({ description: 'What counts as a success there.' }) })
      .optional()
      .meta({ description: 'Copies that are required while the system is there. As at home, unless configured.' }),
    components: z.record(nameText, place).default({}).meta({ description: 'What is different about a component there, by name.' }),
    services: z.record(nameText, service).optional().meta({
      description: 'The programs that serve users there, in the order in which they start. The same on the only host of that site, unless configured.',
    }),
    fence: fence.optional(),
  })
  .meta({ description: 'Where the system goes when its site is lost. Nowhere, unless configured.' })

export type WrittenFailover = z.output<typeof failoverSchema>
