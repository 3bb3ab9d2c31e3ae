import { noBreachConfig } from '../../../domain/breach.ts'
import { inOneLine } from '../../../domain/doubtful-text.ts'
import { MusterError } from '../../../domain/failures.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { closedPlace } from '../restore/places.ts'
import type { DatabaseStep } from '../restore/types.ts'

/**
 * Gives a role of a restored database, which is still closed, its configured new password.
 *
 * Effect: another verifier in `pg_authid`; the WAL of it is shipped as any other.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: UnknownName (it is not configured, or not in the data), SecretMissing, DatabaseDown.
 */
export function rotateRole(agent: Agent) {
  return async (step: DatabaseStep & { readonly role: string }, _work: Work): Promise<{ readonly role: string }> => {
    const { config } = await agent.config(step.configHash)
    const roles = rolesOf(config, step)
    const found = roles.find(({ role }) => role === step.role)
    if (!found) throw new MusterError('UnknownName', `breach.rotate.roles of ${step.system} has no role "${step.role}" of ${step.component}`)
    const instance = await agent.instance(config, step.system, step.component)
    const password = (await agent.secret(found.password)).replace(/\r?\n$/, '')
    await agent.postgresql.setRolePassword(instance, closedPlace(agent, step), step.role, password)
    return { role: step.role }
  }
}

/**
 * Names the roles of a restored database that can still log in with a password that the data knew.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: none needed.
 * Fails with: DatabaseDown.
 */
export function findKnownPasswords(agent: Agent) {
  return async (step: DatabaseStep, _work: Work): Promise<{ readonly roles: readonly string[] }> => {
    const { config } = await agent.config(step.configHash)
    const except = rolesOf(config, step).map(({ role }) => role)
    const roles = await agent.postgresql.loginRoles(await agent.instance(config, step.system, step.component), closedPlace(agent, step), except)
    return { roles: [...roles.slice(0, 100).map((role) => inOneLine(role)), ...(roles.length > 100 ? [`${roles.length - 100} more`] : [])] }
  }
}

function rolesOf(config: Parameters<Agent['instance']>[0], { system, component }: DatabaseStep) {
  return (systemOf(config, system).breach ?? noBreachConfig).rotate.roles.filter((one) => one.component === component)
}
