/** Two people with SSH keys of their own, who approve and who say what they have seen; and one who asks. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { ScenarioPlaces } from './places.ts'

export const requester = 'carol'
export const approver = 'alice'
export const witnesses = ['alice', 'bob'] as const

export type Person = (typeof witnesses)[number]

export function keyOf({ people }: ScenarioPlaces, person: Person): string {
  return join(people, person)
}

/** @returns the public half of each */
export async function makePeople(places: ScenarioPlaces): Promise<Readonly<Record<Person, string>>> {
  const publicKeyOf = async (person: Person) => {
    await runTool('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', person, '-f', keyOf(places, person)])
    return (await readFile(`${keyOf(places, person)}.pub`, 'utf8')).trim().split(' ').slice(0, 2).join(' ')
  }
  return { alice: await publicKeyOf('alice'), bob: await publicKeyOf('bob') }
}
