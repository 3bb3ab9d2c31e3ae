/** What the script of the small shop adds where somebody else may have ruled a host of it. */
import { type BreachDecision, breachText } from '../../domain/breach.ts'
import { sha256Hex } from '../../repository/signed-document.ts'
import type { Answer, Script } from './scripted-activities.ts'

type BreachActivity =
  | 'chooseCandidates'
  | 'compareCandidates'
  | 'examineCandidate'
  | 'findKnownPasswords'
  | 'isolateHosts'
  | 'noteSuspicion'
  | 'rotateByCommand'
  | 'rotateRole'
  | 'scopeBreach'
  | 'takeForensicCopy'

type BreachScript = { readonly [N in BreachActivity]: Answer<N> }

/** Decides what the input asks for, with one of each kind of command. */
export function shopBreachScope(scopeMove: Script['scopeMove'], changes: Partial<BreachDecision> = {}): Script['scopeBreach'] {
  return async (input, attempt) => {
    const scope = await scopeMove({ system: input.system, procedure: 'failover', configHash: input.configHash }, attempt)
    const decision: BreachDecision = {
      format: 'muster-breach-1',
      procedure: 'respondToBreach',
      organisation: 'Example',
      system: input.system,
      configHash: scope.configHash,
      since: input.since,
      suspects: input.hosts,
      from: scope.from,
      to: scope.to,
      source: scope.source,
      isolate: ['firewall'],
      copied: scope.sourceComponents,
      scanners: ['rootkit'],
      candidates: 10,
      rotate: { roles: [{ component: 'database', role: 'shop' }], commands: ['session-key'] },
      approvals: { count: 0, accept: 'claimed', requesterMay: true, requester: input.requester },
      expiresAt: new Date(Date.now() + 3600_000).toISOString(),
      ...changes,
    }
    return { decision, decisionHash: sha256Hex(breachText(decision)), scope, warnings: [], objectives: { rtoSeconds: 3600 } }
  }
}

/** Three candidates, all of which hold. */
export function breachScript(scopeMove: Script['scopeMove']): BreachScript {
  return {
    scopeBreach: shopBreachScope(scopeMove),
    noteSuspicion: () => ({ notedAt: '2026-11-21T03:00:00.000Z' }),
    isolateHosts: () => ({ proven: true }),
    takeForensicCopy: ({ component }) => ({
      as: `forensic-${component}`,
      backup: '20261121T030000Z-forensic-1a2b3c4d-a1',
      entries: 900,
      sizeBytes: 9_000_000,
      stores: ['local', 'offsite'],
      problems: [],
    }),
    chooseCandidates: () => [
      { name: 'newest', time: null, why: 'the newest moment' },
      { name: 'candidate-1', time: '2026-11-21T02:13:59.999000Z', why: 'right before the suspected moment' },
      { name: 'candidate-2', time: '2026-11-20T02:00:09.001000Z', why: 'the end of a run of backups' },
    ],
    examineCandidate: ({ scan }) => ({ items: 40, checks: scan ? [{ name: 'scanner rootkit', value: null, ok: true, detail: 'found nothing' }] : [] }),
    compareCandidates: () => ({ different: 1, lines: ['added: role database: backdoor'] }),
    rotateRole: ({ role }) => ({ role }),
    rotateByCommand: () => ({ was: 'done' }),
    findKnownPasswords: () => ({ roles: ['report'] }),
  }
}
