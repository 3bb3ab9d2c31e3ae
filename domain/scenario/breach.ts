/** The scenario in which somebody else may have ruled hosts of a system. */
import { MusterError } from '../failures.ts'
import type { Scenario, ScenarioAbout, ScenarioStep } from './scenario.ts'
import { prove } from './site.ts'
import { requested } from './words.ts'

export const securityBreach: Scenario = {
  name: 'security-breach',
  when: 'somebody else may have ruled hosts of the system since a moment',
  lossFrom: 'moment',
  steps: (about) => [respond(about), prove(about, 'prove', 'the other site')],
}

function respond(about: ScenarioAbout): ScenarioStep {
  const { system, at, suspects, otherSite, site } = about
  if (at === null || suspects === null) {
    throw new MusterError('InvalidInput', 'since when may somebody have been there, and on which hosts?', {
      hint: `say both, rather too early and too many: muster scenario security-breach ${system} --at TIME --suspect HOST`,
    })
  }
  if (otherSite === null) {
    throw new MusterError(
      'PreconditionFailed',
      `system "${system}" has no other site than ${site}, and what may be ruled by somebody else is not restored to`,
      {
        hint: 'install a new host that was never reached, make it a site of its own and write failover for it in muster.yaml, then: muster apply',
      },
    )
  }
  return {
    id: 'respond',
    what: `isolate ${suspects.join(', ')}, keep what they look like, and restore to ${otherSite} as it was before ${at}`,
    why: 'what was there since then is not trusted: not the hosts, not their backups, not the passwords that the data knew',
    command: `muster scenario security-breach ${system} --at ${at} --suspect ${suspects.join(' ')}`,
    procedure: 'respondToBreach',
    input: { system, since: at, hosts: suspects, ...requested(about) },
    idFrom: 'target',
    worksAt: 'other',
    look: [
      'the plan: which hosts, since when; users are out from the approval on',
      `two approvals: of the isolation, and later of the failover to the point that was found; two people say that ${site} is cut off: muster fence target/${system}/recover --statement TEXT`,
      `the review before it opens: what was changed since, and which passwords are still the old ones; then: muster resume target/${system}/recover --reason TEXT`,
    ],
    callOff: `reject the plan, until it is approved. Afterwards nothing is served until it has moved, or: muster scenario security-breach ${system} --lift RUN --reason TEXT`,
  }
}
