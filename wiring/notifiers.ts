/** Concrete notifiers from the configuration; the JSON-lines log is always there. */
import { join } from 'node:path'
import { createEmailNotifier } from '../adapters/notifier/email.ts'
import { createLogNotifier } from '../adapters/notifier/log.ts'
import type { Notifier } from '../adapters/notifier/notifier.ts'
import { createSlackNotifier } from '../adapters/notifier/slack.ts'
import type { SecretResolver } from '../adapters/secret/secret.ts'
import type { Config, ContactConfig } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import type { Places } from './places.ts'

export function createNotifiers(config: Config, places: Places, secrets: SecretResolver): readonly Notifier[] {
  const { email, slack, log } = config.notifications
  const resolve = (reference: string) => secrets.resolve(reference)
  return [
    createLogNotifier(log ?? { path: join(places.home, 'notices.jsonl') }),
    ...(email ? [createEmailNotifier(email, resolve)] : []),
    ...(slack ? [createSlackNotifier(slack, resolve)] : []),
  ]
}

/** One for each of its channels, in their order: what a contact names is the channel of everybody; what it has of its own is made for it. */
export function createContactNotifiers(config: Config, { channels }: ContactConfig, places: Places, secrets: SecretResolver): readonly Notifier[] {
  const shared = createNotifiers(config, places, secrets)
  const resolve = (reference: string) => secrets.resolve(reference)
  return channels.map((channel) => {
    if (typeof channel === 'string') return shared.find((one) => one.channel === channel) ?? notConfigured(channel)
    if ('slack' in channel) return createSlackNotifier({ webhook: channel.slack }, resolve)
    const { email } = config.notifications
    return email ? createEmailNotifier({ ...email, to: channel.email }, resolve) : notConfigured('email')
  })
}

/** `config/check-contacts.ts` refuses it before it is signed; a notice is not lost in silence all the same. */
function notConfigured(channel: string): Notifier {
  return { channel, notify: () => Promise.reject(new MusterError('ConfigInvalid', `there is no notifications.${channel}`)) }
}
