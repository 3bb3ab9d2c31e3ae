/** One printable sheet of a run's evidence: large figures, the steps on a time line, what it made or brought back, hashes. */
import { describeTarget } from './decision.ts'
import { decisionSection, type KeptDecision } from './decision-section.ts'
import { formatDuration, formatSize } from './durations.ts'
import type { Evidence } from './evidence.ts'
import { lostSiteSection } from './evidence-page-site.ts'
import { sheetStyle } from './evidence-page-style.ts'
import { facts, html, list, section, table } from './html.ts'

const names: Readonly<Record<Evidence['procedure'], string>> = {
  backupSystem: 'backup',
  archiveWal: 'archiving of WAL',
  restoreSystem: 'restore',
  recoverToPointInTime: 'recovery to a point in time',
  drill: 'drill',
  respondToBreach: 'answer to a breach',
  failoverSite: 'failover',
  failover: 'failover',
  switchover: 'switchover',
  failback: 'failback',
}

/**
 * @param sha256 of the signed text, so that sheet and record can be told to belong together
 * @param decision the one that the record names
 */
export function evidencePage(evidence: Evidence, key: string, sha256: string, decision: KeptDecision | null = null): string {
  const { system, organisation, outcome, times, reviewDue, lostSite } = evidence
  const title = `${titleOf(evidence)} of ${lostSite ? `site ${lostSite.site}` : system}, ${times.declaredAt.slice(0, 16).replace('T', ' ')} UTC`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${html(title)}</title><style>${sheetStyle}</style></head><body><main>
<header><p>${html(organisation)}</p><h1>${html(title)}</h1><p class="outcome ${html(outcome)}">${html(outcome)}</p></header>
${reviewDue ? `<p class="review">Review due: ${html(reviewDue)}</p>` : ''}
${isRecovery(evidence) ? `<section class="figures">${figure('back in', evidence.measured.rtoSeconds, evidence.objectives.rtoSeconds)}${figure('lost', evidence.measured.rpoSeconds, evidence.objectives.rpoSeconds)}${asExpected(evidence)}</section>` : ''}
${section('Who and where', whoAndWhere(evidence))}
${decision && evidence.decision ? decisionSection(decision, evidence.decision.key) : ''}
${section('Time line', timeLine(evidence))}
${lostSite ? lostSiteSection(lostSite) : ''}${moved(evidence)}${recovered(evidence)}${made(evidence)}${wal(evidence)}${setAside(evidence)}
${hasDecision(evidence) ? section('Checks', checks(evidence)) : ''}
${section('Deviations', list(evidence.deviations))}
${section('Notifications', notifications(evidence))}
<footer><h2>Verify this yourself</h2><p>The signed record is <code>${html(key)}</code> in each store. Its first line has the SHA-256 <code>${html(sha256)}</code>:
<code>head -n 1 FILE | sha256sum</code>. Its signature is of the key of host ${html(evidence.writer.host)}, in the namespace muster-evidence:
repository-format.md, <i>Is it authentic?</i> It has each activity with its worker and times.</p></footer>
</main></body></html>
`
}

function titleOf({ procedure, kind }: Evidence): string {
  return procedure === 'drill' || procedure === 'backupSystem' ? `${kind ?? ''} ${names[procedure]}`.trim() : names[procedure]
}

function isRecovery({ procedure }: Evidence): boolean {
  return procedure !== 'backupSystem' && procedure !== 'archiveWal'
}

/** Of the failover of a site each system has its own. */
function hasDecision(evidence: Evidence): boolean {
  return isRecovery(evidence) && !evidence.lostSite
}

function whoAndWhere(evidence: Evidence): string {
  const { run, ran, approvals, targets } = evidence
  const by = approvals.map(
    ({ person, accept, key, note, breakGlass }) => `${person} (${key ?? accept}${breakGlass ? ', broke the glass' : ''}${note ? `: ${note}` : ''})`,
  )
  const asked = !hasDecision(evidence) ? [] : [['approved by', by.join(', ') || 'nobody had to, or nobody did']]
  return facts([
    ['asked by', evidence.requestedBy],
    ...asked,
    ['carried out by', ran ? ran.workers.join(', ') : 'not known'],
    ['on', targets.map(({ component, host, paths }) => [component, 'on', host, ...paths].join(' ')).join('; ') || evidence.host || evidence.writer.host],
    ...targets.flatMap(({ component, identity }) =>
      identity ? [[`${component} is`, `system ${identity.systemIdentifier}, incarnation ${identity.incarnation}`]] : [],
    ),
    ...(evidence.target ? [['to', describeTarget(evidence.target)]] : []),
    ['run', `${run.workflowId} · ${run.runId}`],
    ['configuration', evidence.configHash],
    ...(hasDecision(evidence) ? [['plan', evidence.plan ?? 'none could be made']] : []),
    [
      'code',
      ran ? `${ran.code.join(', ') || 'not known'} · SDK ${ran.sdk ?? 'not known'} · Muster ${evidence.writer.muster}` : `Muster ${evidence.writer.muster}`,
    ],
    ['tools', toolsOf(evidence)],
  ])
}

function toolsOf({ ran, writer }: Evidence): string {
  const hosts = Object.entries(ran?.tools ?? {})
  const all = hosts.length > 0 ? hosts : [[writer.host, writer.tools] as const]
  return all
    .map(
      ([host, tools]) =>
        `${host}: ${Object.entries(tools)
          .map(([name, text]) => `${name} ${shortVersion(text)}`)
          .join(', ')}`,
    )
    .join('; ')
}

/** Each tool says its version in words of its own. */
function shortVersion(text: string): string {
  return /\d+(?:\.\d+)+/.exec(text)?.[0] ?? text
}

function figure(name: string, seconds: number | null, objective: number | undefined): string {
  const against =
    objective === undefined ? 'no objective set' : `objective ${formatDuration(objective)}${seconds === null ? '' : seconds <= objective ? ' ✓' : ' ✗ missed'}`
  return `<div><p>${html(name)}</p><p class="large">${shownSeconds(seconds)}</p><p>${against}</p></div>`
}

/** Without what people were waited for: what the plan said, beside what it was. */
function asExpected({ expected }: Evidence): string {
  if (!expected) return ''
  const forecast = expected.seconds === null ? 'no duration was expected' : `expected ${shownSeconds(expected.seconds)}, ${expected.basis}`
  return `<div><p>worked for</p><p class="large">${shownSeconds(expected.measuredSeconds)}</p><p>${html(forecast)}</p></div>`
}

function shownSeconds(seconds: number | null): string {
  return seconds === null ? 'not measured' : seconds < 10 ? `${seconds.toFixed(1)} s` : formatDuration(Math.ceil(seconds))
}

function timeLine({ steps, times }: Evidence): string {
  const start = Date.parse(times.declaredAt)
  const whole = Math.max(1, Date.parse(times.endedAt) - start)
  const bars = steps.map(({ name, startedAt, seconds, failed }) => {
    const left = Math.min(100, Math.max(0, ((Date.parse(startedAt) - start) / whole) * 100))
    const width = Math.min(100 - left, Math.max(0.5, ((seconds * 1000) / whole) * 100))
    const bar = `<span${failed ? ' class="bad"' : ''} style="margin-left:${left.toFixed(2)}%;width:${width.toFixed(2)}%"></span>`
    return `<tr><td>${html(name)}${failed ? ' ✗' : ''}</td><td>${seconds.toFixed(1)} s</td><td class="line">${bar}</td></tr>`
  })
  const marks = [
    ['declared', times.declaredAt],
    ['approved', times.approvedAt],
    ['data ready', times.dataReadyAt],
    ['service verified', times.serviceVerifiedAt],
    ['answer observed', times.dnsObservedAt],
    ['ended', times.endedAt],
  ].flatMap(([what, at]) => (at ? [`${what} ${html(at)}`] : []))
  return `<table>${bars.join('\n')}</table><p><small>${marks.join(' · ')}</small></p>`
}

function moved({ move }: Evidence): string {
  if (!move) return ''
  const { from, to, fence, dns } = move
  const fenced = fence ? `${fence.at}, by ${fence.by}: ${fence.detail}` : 'not fenced'
  return section('The move', facts([['from', from], ['to', to], ['fenced', fenced], ...dns.map((seen) => ['DNS', seen])]))
}

function recovered(evidence: Evidence): string {
  if (!hasDecision(evidence)) return ''
  const rows = evidence.recovered.map(({ component, backup, manifestSha256, fromStore, at }) => [
    html(component),
    `${html(backup)}<br><small>manifest ${html(manifestSha256 ?? 'not known')}</small>`,
    html(fromStore),
    html(at ?? 'the end of the backup'),
  ])
  return section('What came back', rows.length > 0 ? table(['component', 'backup', 'from', 'newest moment in it'], rows) : '<p>nothing</p>')
}

function made({ made: all }: Evidence): string {
  if (all.length === 0) return ''
  const rows = all.map(({ component, backup, outcome, sizeBytes, stores, owed }) => [
    html(component),
    `${html(backup ?? 'none')}<br><small>${html(outcome)}, ${formatSize(sizeBytes)}</small>`,
    [
      ...stores.map(({ store, manifestSha256 }) => `${html(store)} <small>manifest ${html(manifestSha256)}</small>`),
      ...owed.map(({ store, problem }) => `${html(store)} is owed it: ${html(problem)}`),
    ].join('<br>'),
  ])
  return section('What was made', table(['component', 'backup', 'copies'], rows))
}

function wal({ wal: all }: Evidence): string {
  if (all.length === 0) return ''
  const rows = all.map(({ component, incarnation, requiredLsn, lastCommitAt, gaps }) =>
    [component, incarnation ?? 'not known', requiredLsn ?? 'not known', lastCommitAt ?? 'none', gaps.join('; ') || 'none'].map(html),
  )
  return section('WAL', table(['component', 'incarnation', 'stored to', 'last commit', 'gaps'], rows))
}

function setAside({ setAside: all }: Evidence): string {
  if (all.length === 0) return ''
  return section(
    'What was set aside',
    table(
      ['path', 'kept as', 'size'],
      all.map(({ path, safetyPath, sizeBytes }) => [html(path), html(safetyPath), formatSize(sizeBytes)]),
    ),
  )
}

function checks({ checks: all }: Evidence): string {
  if (all.length === 0) return '<p>none was run</p>'
  const rows = all.map(({ name, ok, detail, atBackup }) => [ok ? '✓' : '✗', `<code>${html(name)}</code>`, html(detail), html(atBackup ?? '–')])
  return table(['', 'check', 'restored', 'when backed up'], rows)
}

function notifications({ delivered, undelivered }: Evidence): string {
  const told = delivered.map(({ event, channels, at, contacts = [] }) => {
    const reached = contacts.length > 0 ? `; told: ${contacts.join(', ')}` : ''
    return `${at === undefined ? '' : `${at} `}${event}: ${channels.join(', ')}${reached}`
  })
  return list([...told, ...undelivered.map(({ channel, problem }) => `NOT DELIVERED by ${channel}: ${problem}`)])
}
