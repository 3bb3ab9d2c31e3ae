/** Whether a record can still be changed, and the change be seen, once a site is lost. */
import type { DnsRecordConfig } from './config.ts'

/** One sentence for each thing that would be lost with the site and is needed to change the record; empty when all is well. */
export function survivalProblems(record: DnsRecordConfig, lostSite: string): readonly string[] {
  return [...updateServerProblems(record, lostSite), ...nameServerProblems(record, lostSite)]
}

function updateServerProblems(record: DnsRecordConfig, lostSite: string): readonly string[] {
  if (record.provider !== 'rfc2136' || record.servers.some(({ site }) => site !== lostSite)) return []
  const servers = record.servers.map(({ host, port }) => `${host}:${port}`).join(', ')
  return [
    `${record.name} ${record.type} could not be changed: every server that takes updates of it (${servers}) stands at site ${lostSite}, which would be lost`,
  ]
}

/** Servers that are found by asking may stand anywhere. */
function nameServerProblems({ name, type, nameServers, minimumObserved }: DnsRecordConfig, lostSite: string): readonly string[] {
  if (nameServers.length === 0) return []
  const left = nameServers.filter(({ site }) => site !== lostSite).length
  if (left >= minimumObserved) return []
  const need = `at least ${minimumObserved} must give the new answer`
  return [
    `a change of ${name} ${type} could not be observed: ${left} of its ${nameServers.length} name servers would be left without site ${lostSite}, and ${need}`,
  ]
}
