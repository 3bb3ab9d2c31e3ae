/**
 * The site whose queue a run's control activities use: in the memo where a client gave it, else in the input (the form of the
 * Temporal UI has no memo), else the default site.
 */
import { upsertMemo, workflowInfo } from '@temporalio/workflow'
import { defaultSite } from './messages.ts'

/** Before anything else of a run. What the input says becomes part of the memo, where lists, the archive and this code look for it. */
export function workAt(site: string | undefined): void {
  if (site !== undefined && typeof workflowInfo().memo?.['site'] !== 'string') upsertMemo({ site })
}

export function siteOfQueue(): string {
  const site = workflowInfo().memo?.['site']
  return typeof site === 'string' ? site : defaultSite
}
