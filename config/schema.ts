/**
 * muster.yaml as people write it. The descriptions and examples here become the
 * reference page and the JSON Schema; domain/config.ts is what it is made into.
 */
import { z } from 'zod'
import { contactsSchema } from './schema-contacts.ts'
import { limitsSchema } from './schema-limits.ts'
import { encryptionSchema, recoveryKitSchema, storesSchema } from './schema-stores.ts'
import { systemsSchema } from './schema-systems.ts'
import { absolutePath, emailAddress, lineText, nameText, portNumber, secretReference, serverHost, sshPublicKey, yesOrNo } from './schema-values.ts'

const organisation = z
  .string()
  .regex(/^[\p{L}\p{N}](?:[\p{L}\p{N} ._-]{0,61}[\p{L}\p{N}.])?$/u, {
    error: 'must be 1 to 63 letters, digits, spaces, dots, hyphens or underscores',
  })
  .meta({ description: 'Name of the organisation; part of the ids of schedules.', examples: ['Kennel'] })

const sites = z
  .record(
    nameText,
    z.strictObject({
      hosts: z.array(nameText).meta({
        description: 'Hosts of the site, each with one agent; empty for a place where only stores are.',
        examples: [['db1', 'app1']],
      }),
    }),
  )
  .optional()
  .meta({ description: 'Where things run, by name. One site primary with one host localhost, unless configured.' })

const people = z
  .record(
    nameText,
    z.strictObject({
      email: emailAddress.optional().meta({
        description: 'Address of the person, for those who read the file. Notices go to the channels of notifications and to contacts.',
        examples: ['alice@example.com'],
      }),
      approve: sshPublicKey.optional().meta({
        description: 'Public SSH key, of any type, whose signature is an approval of this person; keys in an agent and on hardware work.',
        examples: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI…'],
      }),
      role: z
        .enum(['viewer', 'operator', 'approver', 'admin'])
        .default('operator')
        .meta({
          description: 'Whether the person may approve: everyone may but a viewer. The other roles say the same and differ for those who read the file.',
          examples: ['approver'],
        }),
    }),
  )
  .default({})
  .meta({ description: 'Who works with Muster, by name.' })

const email = z
  .strictObject({
    from: emailAddress.meta({ description: 'Sender.', examples: ['muster@example.com'] }),
    to: z
      .array(emailAddress)
      .min(1)
      .meta({ description: 'Receivers.', examples: [['ops@example.com']] }),
    smtp: z
      .strictObject({
        host: serverHost.meta({ description: 'The mail server.', examples: ['smtp.example.com'] }),
        port: portNumber.optional().meta({ description: 'Its port. 465 when secure, else 587.', examples: [25] }),
        secure: yesOrNo.default(false).meta({ description: 'TLS from the first byte, not by STARTTLS.', examples: [true] }),
        user: lineText.optional().meta({ description: 'User to log in as, if one is needed.', examples: ['muster'] }),
        password: secretReference.optional().meta({ description: 'Where the password is.', examples: ['env:MUSTER_SMTP_PASSWORD'] }),
      })
      .superRefine((smtp, context) => {
        if (smtp.password !== undefined && smtp.user === undefined) context.addIssue({ code: 'custom', path: ['password'], message: 'needs a user beside it' })
        if (smtp.user !== undefined && smtp.password === undefined) context.addIssue({ code: 'custom', path: ['user'], message: 'needs a password beside it' })
      })
      .meta({ description: 'How mail is sent.' }),
  })
  .meta({ description: 'E-mail.' })

const notifications = z
  .strictObject({
    email: email.optional(),
    slack: z
      .strictObject({
        webhook: secretReference.meta({
          description: 'Where the address of the webhook is; it is a secret.',
          examples: ['env:MUSTER_SLACK_WEBHOOK'],
        }),
      })
      .optional()
      .meta({ description: 'Slack.' }),
    log: z
      .strictObject({
        path: absolutePath.meta({ description: 'A file of JSON lines.', examples: ['/var/log/muster/notices.jsonl'] }),
      })
      .optional()
      .meta({ description: 'A file.' }),
  })
  .default({})
  .meta({ description: 'Who is told what happens. Nobody, unless configured.' })

export const configSchema = z
  .strictObject({
    organisation,
    sites,
    stores: storesSchema,
    encryption: encryptionSchema.prefault({}),
    recoveryKit: recoveryKitSchema.optional(),
    people,
    systems: systemsSchema,
    notifications,
    contacts: contactsSchema.optional().meta({
      description: 'Who is told when something asks for a person, in this order, until somebody answers. Nobody besides notifications, unless configured.',
    }),
    limits: limitsSchema.optional(),
  })
  .meta({ title: 'muster.yaml', description: 'The configuration of Muster.' })

/** The shape of muster.yaml after the shape was checked; durations and sizes are still text. */
export type WrittenConfig = z.output<typeof configSchema>
export type WrittenStore = WrittenConfig['stores'][string]
export type WrittenSystem = WrittenConfig['systems'][string]
export type WrittenComponent = WrittenSystem['components'][string]
export type WrittenService = WrittenSystem['services'][string]
