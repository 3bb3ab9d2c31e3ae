/** `contacts` as people write them, and as they count. */
import { z } from 'zod'
import type { ContactConfig } from '../domain/config.ts'
import { parseDuration } from '../domain/durations.ts'
import { emailAddress, lineText, nameText, positiveDuration, secretReference } from './schema-values.ts'

const ownEmail = z
  .strictObject({
    email: z
      .array(emailAddress)
      .min(1)
      .meta({ description: 'Receivers; sent by the server of notifications.email.', examples: [['dba@example.com']] }),
  })
  .meta({ title: 'email', description: 'Mail to addresses of its own.' })

const ownSlack = z
  .strictObject({
    slack: secretReference.meta({ description: 'Where the address of its own webhook is.', examples: ['env:MUSTER_SLACK_ON_CALL'] }),
  })
  .meta({ title: 'slack', description: 'Slack, by a webhook of its own.' })

const channel = z.union([nameText, ownEmail, ownSlack], {
  error: 'must be the name of a channel under notifications, or { email: [address] }, or { slack: env:NAME }',
})

const contact = z.strictObject({
  role: lineText.meta({ description: 'Who it is, in a few words.', examples: ['on call', 'head of operations'] }),
  channels: z
    .array(channel)
    .min(1)
    .meta({
      description: 'How the contact is reached: names of channels under notifications, or addresses of its own.',
      examples: [['slack'], [{ email: ['dba@example.com'] }]],
    }),
  escalateAfter: positiveDuration.default('15m').meta({ description: 'How long nobody may answer until the next contact is told.', examples: ['5m', '1h'] }),
})

export const contactsSchema = z.array(contact).min(1).max(10)

export type WrittenContacts = z.output<typeof contactsSchema>

/** Names of channels are looked up by config/check-contacts.ts. */
export function normaliseContacts(written: WrittenContacts): readonly ContactConfig[] {
  return written.map(({ role, channels, escalateAfter }) => ({
    role,
    channels: channels as ContactConfig['channels'],
    escalateAfterSeconds: parseDuration(escalateAfter),
  }))
}
