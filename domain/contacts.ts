/** Who is told when something asks for a person, and who after whom. */
import type { Config, ContactConfig, SecretReference } from './config.ts'

/** What a run knows of a contact: no address. */
export interface ContactTurn {
  readonly role: string
  /** Until the next contact is told, when nobody has answered. */
  readonly escalateAfterSeconds: number
}

/** Those of the system, else those of the organisation, in their order; also for what concerns no system. */
export function contactsOf(config: Config, system?: string): readonly ContactConfig[] {
  return (system === undefined ? undefined : config.systems[system]?.contacts) ?? config.contacts ?? []
}

/** References behind the channels of its own. */
export function contactSecrets({ channels }: ContactConfig): readonly SecretReference[] {
  return channels.flatMap((channel) => (typeof channel === 'object' && 'slack' in channel ? [channel.slack] : []))
}

/** The same, as runs carry it. */
export function turnsOf(config: Config, system: string): readonly ContactTurn[] {
  return contactsOf(config, system).map(({ role, escalateAfterSeconds }) => ({ role, escalateAfterSeconds }))
}

/** Whether a notice asks for a person: such a one goes to the first contact at once. */
export function asksForPerson({ event, severity }: { readonly event: string; readonly severity: string }): boolean {
  return event === 'alarm' || event === 'approval-needed' || ((event === 'failed' || event === 'rolled-back') && severity === 'critical')
}

/** Which channels took a notice, and which contacts it reached. */
export interface Delivery {
  readonly delivered: readonly string[]
  readonly failed: readonly { readonly channel: string }[]
  readonly contacts?: readonly unknown[]
}

/** Nobody reads the log at night: it counts for reached only where no other channel is configured. */
export function hasReached({ delivered, failed, contacts = [] }: Delivery): boolean {
  if (contacts.length > 0 || delivered.some(isRead)) return true
  return delivered.length > 0 && !failed.some(({ channel }) => isRead(channel))
}

function isRead(channel: string): boolean {
  return channel !== 'log'
}
