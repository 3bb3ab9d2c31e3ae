import { MusterError } from '../../domain/failures.ts'

/** @throws MusterError SecretMissing when the variable is not set or empty */
export function readEnvironmentSecret(name: string): string {
  const value = process.env[name]
  if (value) return value
  throw new MusterError('SecretMissing', `the environment variable ${name} is ${value === '' ? 'empty' : 'not set'}`, {
    hint: `set ${name} in the environment of the agent on this host and start the agent again`,
  })
}
