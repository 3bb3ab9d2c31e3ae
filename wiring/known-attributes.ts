/** Schedules carry search attributes: a Temporal that no worker has met yet does not know them, and refuses every schedule. */
import type { Client, Connection } from '@temporalio/client'
import { MusterError } from '../domain/failures.ts'
import { registerSearchAttributes } from '../workers/search-attributes.ts'

/** @throws MusterError PreconditionFailed with the command to run where they are missing and may not be registered */
export async function makeAttributesKnown(client: Client): Promise<void> {
  const { operatorService } = client.connection as Connection
  try {
    await registerSearchAttributes({ operatorService }, client.options.namespace)
  } catch (error) {
    // Who may make schedules may not always list attributes; where they are missing, Temporal says so of the schedule.
    if (error instanceof MusterError) throw error
  }
}
