/** The activities of a site's queue: short control work that touches no component. */
import type { Agent } from '../agent.ts'
import { atBoundary } from '../boundary.ts'
import { notifyPeople } from './notify-people.ts'
import { planBackup } from './plan-backup.ts'
import { scopeRestore } from './scope-restore.ts'

export function createSiteActivities(agent: Agent) {
  return {
    planBackup: atBoundary(agent, planBackup(agent)),
    scopeRestore: atBoundary(agent, scopeRestore(agent)),
    notifyPeople: atBoundary(agent, notifyPeople(agent)),
  }
}

export type SiteActivities = ReturnType<typeof createSiteActivities>
