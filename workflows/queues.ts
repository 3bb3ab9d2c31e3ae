/** The site whose queue a run's control activities use: in the memo where a client gave it, else the default site. */
import { workflowInfo } from '@temporalio/workflow'

export const defaultSite = 'primary'

export function siteOfQueue(): string {
  const site = workflowInfo().memo?.['site']
  return typeof site === 'string' ? site : defaultSite
}
