/** `breach` of a system as people write it: what is done, besides the moves, when somebody else may have ruled a host. */
import { z } from 'zod'
import { commandWords, nameText, positiveDuration, secretReference } from './schema-values.ts'

const ownCommand = {
  name: nameText.meta({ description: 'What people see it as.', examples: ['firewall'] }),
  timeout: positiveDuration.default('5m').meta({ description: 'How long it may take.', examples: ['30m'] }),
}

const isolation = z.strictObject({
  ...ownCommand,
  command: commandWords.meta({
    description: 'Takes the suspected hosts off the network, by another way than through them; run at the other site. Their disks have to stay readable.',
    examples: [['/usr/local/bin/firewall', 'isolate', 'db1']],
  }),
  proof: commandWords.optional().meta({
    description: 'Shows that it holds: exits with 0 only when that was seen.',
    examples: [['/usr/local/bin/firewall', 'is-isolated', 'db1']],
  }),
})

const scanner = z.strictObject({
  ...ownCommand,
  command: commandWords.meta({
    description:
      'Looks at a restored candidate, without a network: PGHOST, PGPORT, PGUSER and PGDATABASE lead to its database, MUSTER_DRILL_<COMPONENT> to each tree. Exit code 0: nothing was found.',
    examples: [['/usr/local/bin/scan-shop']],
  }),
})

const rotation = z.strictObject({
  ...ownCommand,
  command: commandWords.meta({
    description:
      'Changes a password or key that the hosts or the data knew; run at the other site before the system is opened. One that ended well is not run again.',
    examples: [['/usr/local/bin/rotate-session-key']],
  }),
})

const role = z.strictObject({
  component: nameText.meta({ description: 'The database.', examples: ['database'] }),
  role: z
    .string()
    .min(1)
    .max(63)
    .meta({ description: 'A role of it.', examples: ['shop'] }),
  password: secretReference.meta({
    description: 'Where its new password is, on the host at the other site: another than the one that the data knows.',
    examples: ['file:/etc/muster/shop-password-next'],
  }),
})

export const breachSchema = z
  .strictObject({
    isolate: z
      .array(isolation)
      .max(20)
      .default([])
      .meta({ description: 'How suspected hosts are taken off the network. Only their programs are stopped, unless configured.' }),
    collect: z
      .array(commandWords)
      .max(20)
      .default([])
      .meta({
        description: 'Commands of each suspected host whose output is kept with the forensic copy.',
        examples: [
          [
            ['ps', 'auxww'],
            ['ss', '-tanp'],
          ],
        ],
      }),
    scanners: z
      .array(scanner)
      .max(20)
      .default([])
      .meta({ description: 'What looks at each candidate in quarantine. The checks of the databases alone, unless configured.' }),
    candidates: z
      .int()
      .min(1)
      .max(50)
      .default(10)
      .meta({ description: 'How many recovery points are tried, newest first.', examples: [20] }),
    rotate: z
      .strictObject({
        roles: z.array(role).max(50).default([]).meta({ description: 'Roles of restored databases that are given a new password.' }),
        commands: z.array(rotation).max(50).default([]).meta({ description: 'Commands that change what else was known, in order.' }),
      })
      .prefault({})
      .meta({ description: 'What is changed after the restore and before the opening.' }),
    review: z
      .array(z.string().min(1).max(200))
      .max(50)
      .default([])
      .meta({ description: 'What a person looks at before the system is opened.', examples: [['who was paid since then: /var/log/payments']] }),
  })
  .meta({ description: 'What is done when somebody else may have ruled a host. Isolate, copy, restore and review, unless configured.' })

export type WrittenBreach = z.output<typeof breachSchema>
