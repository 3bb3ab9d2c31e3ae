/** Secrets of a recovery kit that the configuration looks for in the environment: kept on this host, below what is really set there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MusterError } from '../domain/failures.ts'
import type { Places } from './places.ts'

export function kitEnvironmentFile(places: Places): string {
  return join(places.home, 'environment.json')
}

/** What is set already stays. @throws MusterError ConfigInvalid when the file is damaged */
export function loadKitEnvironment(places: Places, env: NodeJS.ProcessEnv = process.env): void {
  const path = kitEnvironmentFile(places)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return
  }
  for (const [name, value] of Object.entries(parse(text, path))) env[name] ??= value
}

function parse(text: string, path: string): Readonly<Record<string, string>> {
  try {
    return JSON.parse(text) as Record<string, string>
  } catch (cause) {
    // The cause quotes the text.
    throw new MusterError('ConfigInvalid', `${path} is not JSON (${(cause as Error).name})`, {
      hint: 'open the repository again, or write the variables by hand',
    })
  }
}
