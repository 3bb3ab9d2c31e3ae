/** Concrete notifiers from the configuration; the JSON-lines log is always there. */
import { join } from 'node:path'
import { createEmailNotifier } from '../adapters/notifier/email.ts'
import { createLogNotifier } from '../adapters/notifier/log.ts'
import type { Notifier } from '../adapters/notifier/notifier.ts'
import { createSlackNotifier } from '../adapters/notifier/slack.ts'
import type { SecretResolver } from '../adapters/secret/secret.ts'
import type { Config } from '../domain/config.ts'
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
