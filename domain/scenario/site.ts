/** Scenarios in which a site is lost: everything there, for hours or for months. */
import { MusterError } from '../failures.ts'
import type { Scenario, ScenarioAbout, ScenarioStep } from './scenario.ts'
import { requested } from './words.ts'

export const dataCentreLoss: Scenario = {
  name: 'data-centre-loss',
  when: 'the site where the system runs does not answer, or is gone',
  lossFrom: 'newest',
  steps: (about) => [failover(about), prove(about, 'prove', 'the other site')],
}

export const naturalDisaster: Scenario = {
  name: 'natural-disaster',
  when: 'the site is destroyed: the system stays at the other one until home is rebuilt, then it goes back',
  lossFrom: 'newest',
  refuse({ system, site, home }, from) {
    if (from !== null || site === home) return
    throw new MusterError('PreconditionFailed', `system "${system}" has moved to ${site} already`, {
      hint: `go on where it is: --from prove, or with the way home: --from failback; if ${site} is lost now: muster scenario data-centre-loss ${system}`,
    })
  },
  steps: (about) => [failover(about), prove(about, 'prove', 'the other site'), failback(about), prove(about, 'prove-home', 'home')],
}

function failover(about: ScenarioAbout): ScenarioStep {
  const { system, site, home, otherSite, acceptLoss } = about
  if (otherSite === null)
    throw new MusterError('PreconditionFailed', `system "${system}" has no other site than ${site}`, {
      hint: 'write failover for it in muster.yaml, then: muster apply; with nothing but a store left: muster repository open',
    })
  const goesTo = site === home ? otherSite : home
  return {
    id: 'failover',
    what: `fail over to ${goesTo}`,
    why: `users are served again from what the stores have; ${site} is fenced and does not come back by itself`,
    command: `muster failover ${system}${acceptLoss ? ' --accept-loss' : ''}`,
    procedure: 'failover',
    input: { system, ...(acceptLoss && { acceptLoss: true }), ...requested(about) },
    idFrom: 'target',
    worksAt: 'other',
    look: [
      `the plan: what was shipped before, and so what is lost; where Temporal is lost too: muster failover ${system} --offline, then --from prove`,
      `where no agent of ${site} answers and no command fences it, two people say what they have seen: muster fence target/${system} --statement TEXT`,
    ],
    callOff: 'muster cancel, or reject the plan, until the system is opened; afterwards only a failback brings it home',
  }
}

export function prove(about: ScenarioAbout, id: string, where: string): ScenarioStep {
  const { system } = about
  return {
    id,
    what: `prove ${where}: a drill of what is stored from there`,
    why: 'the new life is protected only when it can be brought back too',
    command: `muster drill ${system}`,
    procedure: 'drill',
    input: { system, kind: 'restore', ...requested(about) },
    idFrom: 'additive',
    worksAt: 'active',
    look: [`muster status ${system}: protected, and from which stores`, 'the evidence of the drill: time and loss against the objectives'],
    callOff: 'at any time; the drill cleans up',
  }
}

function failback(about: ScenarioAbout): ScenarioStep {
  const { system, home } = about
  return {
    id: 'failback',
    what: `go home to ${home}, losing nothing`,
    why: 'a planned move: the tail of each database and a last backup of each tree come along',
    command: `muster failback ${system}`,
    procedure: 'failback',
    input: { system, ...requested(about) },
    idFrom: 'target',
    worksAt: 'other',
    notBefore: `${home} is rebuilt, its agent and WAL shipper run, and muster doctor ${system} finds nothing. Meanwhile the schedules run where the system is`,
    look: [
      `on the old machines: muster diverged ${system} shows what they had committed and nobody has; it is merged by nobody`,
      'a quiet hour: users are out from the stop to the opening',
    ],
    callOff: 'muster cancel, until the system is opened: the other site goes on serving',
  }
}
