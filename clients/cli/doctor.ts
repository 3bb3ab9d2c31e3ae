/** `muster doctor`: findings grouped by what they are about, the worst last, with the next command under it. */
import type { Command } from 'commander'
import { createPaint, type Paint } from './colour.ts'
import type { Desk, DoctorFinding } from './desk.ts'
import type { Output } from './output.ts'

const severities = ['ok', 'warning', 'problem'] as const

export function addDoctor(program: Command, desk: () => Desk): void {
  program
    .command('doctor')
    .description('is the set-up able to work? exit code 1 when there is a problem')
    .argument('[system]', 'only what this system needs')
    .action(async (system: string | undefined) => {
      const { out, doctor } = desk()
      out.progress('looking at everything a backup and a restore rely on')
      const findings = await doctor({ system: system ?? null })
      out.progressDone()
      const problems = findings.filter(({ severity }) => severity === 'problem').length
      const warnings = findings.filter(({ severity }) => severity === 'warning').length
      out.result({ ok: problems === 0, problems, warnings, findings }, () => showFindings(out, createPaint(out), findings, { problems, warnings }))
      if (problems > 0) process.exitCode = 1
    })
}

function showFindings(out: Output, paint: Paint, findings: readonly DoctorFinding[], counts: { readonly problems: number; readonly warnings: number }): void {
  for (const { about, findings: found } of groupFindings(findings)) {
    const worst = found.at(-1)?.severity ?? 'ok'
    out.line(`${mark(paint, worst)} ${about}`)
    for (const { severity, message, hint } of found) {
      const [first = '', ...rest] = message.split('\n')
      out.line(`    ${severity === 'ok' ? ' ' : mark(paint, severity)} ${first}`)
      for (const line of rest) out.line(`      ${line}`)
      if (hint !== null) out.line(`      → ${hint}`)
    }
  }
  out.line()
  if (counts.problems > 0) out.line(paint.bad(`${counted(counts.problems, 'problem')}${counts.warnings > 0 ? `, ${counted(counts.warnings, 'warning')}` : ''}`))
  else if (counts.warnings > 0) out.line(paint.warn(`no problem; ${counted(counts.warnings, 'warning')}`))
  else out.line(paint.good('everything is able to work'))
}

export interface FindingGroup {
  readonly about: string
  /** Worst last. */
  readonly findings: readonly DoctorFinding[]
}

/** Groups in the order they came, those with warnings after those without, those with problems last. */
export function groupFindings(findings: readonly DoctorFinding[]): readonly FindingGroup[] {
  const groups = new Map<string, DoctorFinding[]>()
  for (const finding of findings) groups.set(finding.about, [...(groups.get(finding.about) ?? []), finding])
  const rank = (found: readonly DoctorFinding[]) => Math.max(...found.map(({ severity }) => severities.indexOf(severity)))
  return [...groups]
    .map(([about, found]) => ({ about, findings: [...found].sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity)) }))
    .sort((a, b) => rank(a.findings) - rank(b.findings))
}

function mark(paint: Paint, severity: DoctorFinding['severity']): string {
  return severity === 'ok' ? paint.good('✓') : severity === 'warning' ? paint.warn('!') : paint.bad('✗')
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
