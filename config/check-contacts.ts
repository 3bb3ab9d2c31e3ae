/** Whether the channels of contacts exist: who would be told by none would never be told. */
import { type Config, type ContactConfig, notificationChannels } from '../domain/config.ts'
import { checkKnown } from './check-names.ts'
import type { Report, YamlPath } from './problems.ts'

export function checkContacts(config: Config, report: Report): void {
  checkList(config, config.contacts ?? [], ['contacts'], report)
  for (const [name, { contacts }] of Object.entries(config.systems)) checkList(config, contacts ?? [], ['systems', name, 'contacts'], report)
}

function checkList({ notifications }: Config, contacts: readonly ContactConfig[], path: YamlPath, report: Report): void {
  const roles = contacts.map(({ role }) => role)
  for (const [index, { role, channels }] of contacts.entries()) {
    if (roles.indexOf(role) < index) report([...path, index, 'role'], `two contacts are called "${role}"`)
    for (const [item, channel] of channels.entries()) {
      const at = [...path, index, 'channels', item]
      if (typeof channel === 'string') checkNamed(notifications, channel, at, report)
      else if ('email' in channel && notifications.email === undefined) report(at, 'needs notifications.email, whose server sends the mail')
    }
  }
}

/** The log is always there. */
function checkNamed(notifications: Config['notifications'], channel: string, at: YamlPath, report: Report): void {
  const known = notificationChannels.filter((name) => name === 'log' || notifications[name] !== undefined)
  const exists = (notificationChannels as readonly string[]).includes(channel)
  if (exists && !(known as readonly string[]).includes(channel)) report(at, `channel ${channel} is not configured; write notifications.${channel}`)
  else checkKnown(channel, known, 'channel', at, report)
}
