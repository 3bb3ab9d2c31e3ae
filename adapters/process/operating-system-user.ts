import { spawnSync } from 'node:child_process'
import { MusterError } from '../../domain/failures.ts'

export interface OperatingSystemUser {
  readonly name: string
  readonly userId: number
  readonly groupId: number
  readonly home: string
}

const known = new Map<string, OperatingSystemUser>()

/**
 * The user to change to, or null when the agent already is that user.
 * @throws MusterError PreconditionFailed when there is no such user, or the agent may not become it
 */
export function userToBecome(name: string | undefined): OperatingSystemUser | null {
  if (name === undefined) return null
  const user = lookUpUser(name)
  if (user.userId === process.geteuid?.()) return null
  if (process.geteuid?.() !== 0) {
    throw new MusterError('PreconditionFailed', `only root can run programs as the operating-system user ${name}`, {
      hint: `run the agent as root or as ${name}, or leave runAs out`,
    })
  }
  return user
}

/** @throws MusterError PreconditionFailed when this host has no such user */
export function lookUpUser(name: string): OperatingSystemUser {
  const cached = known.get(name)
  if (cached) return cached
  const answer = spawnSync('getent', ['passwd', '--', name], { encoding: 'utf8' })
  const [userName, , userId, groupId, , home] = answer.status === 0 ? answer.stdout.trim().split(':') : []
  if (!userName || !userId || !groupId) {
    throw new MusterError('PreconditionFailed', `there is no operating-system user ${name} on this host`, {
      hint: 'create the user or correct runAs',
    })
  }
  const user = { name: userName, userId: Number(userId), groupId: Number(groupId), home: home || '/' }
  known.set(name, user)
  return user
}
