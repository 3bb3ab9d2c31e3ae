/** Whether users are led to the site where a system is active, by every name server: also by one that comes back with what it had. */
import { CancellationScope, isCancellation, patched } from '@temporalio/workflow'
import type { Health } from '../activities/site/judge-health.ts'
import type { StandingReason } from '../domain/health-alarms.ts'
import { onSite } from './activity-options.ts'
import { failureOf, isFailure } from './failure-of.ts'
import { together } from './together.ts'

/** A server that is a moment behind, or an answer that was lost on its way, is no alarm. */
const withinSeconds = 20

/** One reason for each server that does not lead there, so that each stands and is over by itself. */
export async function dnsHealth(site: string, system: string, { configHash, dns, activeSite }: Health): Promise<readonly StandingReason[]> {
  if (!dns?.length || activeSite === undefined || !patched('dns-of-the-active-site')) return []
  const looks = await together(
    dns.map((record) => () => {
      const input = { system, configHash, record, toSite: activeSite, lostSite: null, changeId: null, withinSeconds }
      const look = () => onSite(site).observeDns.executeWithOptions({ summary: `whether ${record} leads to ${activeSite}` }, [input])
      return look().then(({ everywhere, missing, summary }) => (missing.length > 0 ? missing : everywhere ? [] : [summary]), problemOf)
    }),
  )
  return dns.flatMap((record, index) =>
    (looks[index] ?? []).map((problem) => ({
      word: 'degraded' as const,
      component: null,
      text: `${record} does not lead to ${activeSite}, where ${system} is active: ${problem}`,
      next: `muster doctor ${system}`,
      key: keyOfServer(record, problem),
    })),
  )
}

/** Servers may be named by their addresses: only what one says of itself may change without being new. */
function keyOfServer(record: string, problem: string): string {
  const [server = '', ...why] = problem.split(': ')
  return ['dns', record, server, why.join(': ').replace(/\d[\d.,]*/g, '#')].join('|').slice(0, 300)
}

/** That it could not be looked is a reason of its own: silence would be taken for an answer. */
function problemOf(error: unknown): readonly string[] {
  if (!isFailure(error) || (isCancellation(error) && CancellationScope.current().consideredCancelled)) throw error
  return [`it could not be looked: ${failureOf(error).message}`]
}
