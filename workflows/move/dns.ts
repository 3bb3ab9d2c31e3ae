/** DNS records of a move: planned exactly, changed by compare-and-set, seen at every server that counts. */
import type { DnsChanged } from '../../activities/site/dns/change-dns.ts'
import type { MoveScope } from '../../activities/site/scope-move.ts'
import type { PlannedDnsChange } from '../../domain/dns-plan.ts'
import { isPlanned, type MoveProcedure } from '../../domain/move.ts'
import { onSite } from '../activity-options.ts'
import { fail } from '../procedure.ts'
import { askCorrection } from '../restore/ask-correction.ts'
import { timed } from '../restore/context.ts'
import { together } from '../together.ts'
import { type MoveContext, moveOf } from './context.ts'

/** Until a run asks a person about servers that do not have the new answer. */
const observeSeconds = 120

/** The site whose servers do not count; in a planned move all of them do. */
function lostSite(procedure: MoveProcedure, from: string): string | null {
  return isPlanned(procedure) ? null : from
}

/** @throws ApplicationFailure with the first reason why a record could not be changed */
export async function planRecords(
  site: string,
  procedure: MoveProcedure,
  system: string,
  { configHash, from, to, limits }: Pick<MoveScope, 'configHash' | 'from' | 'to' | 'limits'>,
): Promise<{ readonly changes: readonly PlannedDnsChange[]; readonly warnings: readonly string[] }> {
  const { records } = await onSite(site, 'control', limits).planDns.executeWithOptions({ summary: `look at the DNS records of ${system}` }, [
    { system, configHash, toSite: to, lostSite: lostSite(procedure, from) },
  ])
  const problems = records.flatMap((one) => one.problems)
  const [first] = problems
  if (first) throw fail(first.type, `${problems.map(({ message }) => message).join('; ')}; ${first.hint}`)
  // What is in place already is not this run's to change, and not to put back.
  return { changes: records.flatMap(({ change, inPlace }) => (change && !inPlace ? [change] : [])), warnings: records.flatMap(({ warnings }) => warnings) }
}

/**
 * Every record leads to the other site, and every authoritative server outside the lost site says so. Who does not say so in
 * time is shown to a person, who tries again or gives up; a server that was not updated is not success.
 */
export async function changeRecords(context: MoveContext, procedure: MoveProcedure): Promise<readonly string[]> {
  const { dns } = moveOf(context)
  if (dns.length === 0) return []
  return timed(context, 'dns', () => together(dns.map((planned) => () => changeRecord(context, procedure, planned))))
}

async function changeRecord(context: MoveContext, procedure: MoveProcedure, { record, expected, wanted }: PlannedDnsChange): Promise<string> {
  const { from, to } = moveOf(context)
  const { configHash } = context.plan.decision
  const site = onSite(context.site, 'control', context.plan.limits)
  const about = { system: context.input.system, configHash, record, lostSite: lostSite(procedure, from) }
  context.saga.before(`put DNS ${record} back`, async () => {
    const back = await site.changeDns.executeWithOptions({ summary: `put DNS ${record} back` }, [{ ...about, toSite: from, expected: wanted }])
    tellWhatByHand(context, record, back)
  })
  const changed = await site.changeDns.executeWithOptions({ summary: `change DNS ${record}` }, [{ ...about, toSite: to, expected }])
  tellWhatByHand(context, record, changed)
  for (;;) {
    const seen = await site.observeDns.executeWithOptions({ summary: `see DNS ${record} at its servers` }, [
      { ...about, toSite: to, changeId: changed.changeId, withinSeconds: observeSeconds },
    ])
    if (seen.everywhere) return `${record}: ${seen.summary}`
    await askAbout(context, record, seen.summary)
  }
}

function tellWhatByHand(context: MoveContext, record: string, { outcome, detail }: DnsChanged): void {
  if (outcome === 'by hand') context.notices.send('alarm', 'critical', `${context.title}: change ${record} by hand`, detail)
}

async function askAbout(context: MoveContext, record: string, summary: string): Promise<void> {
  const problem = `${record} does not lead to the other site everywhere: ${summary}`
  context.board.phase('paused: dns')
  const answer = await askCorrection(context, { subject: `${context.title} is paused at: dns`, problem, allowed: ['retry', 'giveUp'] })
  if (answer.action === 'giveUp') throw fail('PreconditionFailed', `${answer.person} gave up: ${answer.reason}; ${problem}`)
  context.board.phase('dns')
}
