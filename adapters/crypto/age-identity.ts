import { MusterError } from '../../domain/failures.ts'
import { runTool } from '../process/run-tool.ts'
import { flushFile } from './durable-file.ts'

/**
 * The recipient (`age1…`) of an identity file; of the first identity where it holds several.
 * @throws MusterError IdentityMissing when there is none to read
 */
export async function ageRecipientOf(identityFile: string): Promise<string> {
  const [recipient] = await ageRecipientsOf(identityFile)
  if (recipient !== undefined) return recipient
  throw new MusterError('IdentityMissing', `there is no age identity in ${identityFile}`)
}

/** The recipients of every identity in a file. @throws MusterError IdentityMissing when it cannot be read */
export async function ageRecipientsOf(identityFile: string): Promise<readonly string[]> {
  const { stdout } = await runTool('age-keygen', ['-y', identityFile], {
    timeoutSeconds: 30,
    explainFailure: (exit) => new MusterError('IdentityMissing', `cannot read an age identity from ${identityFile}`, { cause: exit }),
  })
  return stdout.split('\n').filter((line) => line.startsWith('age1'))
}

/**
 * Makes a new identity in a new file (0600, flushed to the disk) and gives back its recipient.
 * @throws MusterError PreconditionFailed when the file exists or cannot be written
 */
export async function createAgeIdentity(path: string): Promise<string> {
  await runTool('age-keygen', ['-o', path], {
    timeoutSeconds: 30,
    explainFailure: (exit) =>
      new MusterError('PreconditionFailed', `cannot make the identity file ${path}`, {
        cause: exit,
        hint: 'an identity is never overwritten: name a file that does not exist, in a directory that does',
      }),
  })
  await flushFile(path)
  return ageRecipientOf(path)
}
