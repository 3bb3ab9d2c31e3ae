import { type FileHandle, open, rm } from 'node:fs/promises'
import { pipeline as pipe, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { MusterError } from '../../domain/failures.ts'
import { startTool } from '../process/run-tool.ts'
import { explainDecryption } from './age-failures.ts'
import { ByteMeter } from './byte-meter.ts'
import type { CryptoOptions, Decryption, EncryptedFile, Encryption } from './crypto.ts'
import { flushFile } from './durable-file.ts'

/**
 * Encryption by the `age` program to every recipient (`age1…`); each of them alone can decrypt.
 * @throws MusterError ConfigInvalid when a recipient is no age recipient or there is none
 */
export function createAgeEncryption(recipients: readonly string[]): Encryption {
  const wrong = recipients.find((recipient) => !/^age1[0-9a-z]+$/.test(recipient))
  if (wrong !== undefined || recipients.length === 0) {
    const what = wrong === undefined ? 'encryption needs at least one recipient' : `${wrong} is not an age recipient`
    throw new MusterError('ConfigInvalid', what, { hint: 'a recipient is what age-keygen -y prints: age1…' })
  }
  return {
    recipients: [...recipients],
    encryptToFile: (source, path, options = {}) => encryptToFile(recipients, source, path, options),
  }
}

/** Decryption by the `age` program with the identities in a file, which is read when it is needed. */
export function createAgeDecryption(identityFile: string): Decryption {
  return { decrypt: (source, options = {}) => decrypt(identityFile, source, options) }
}

async function encryptToFile(recipients: readonly string[], source: Readable, path: string, options: CryptoOptions): Promise<EncryptedFile> {
  const file = await create(path, source)
  try {
    const measured = await encryptInto(file, recipients, source, path, options)
    await file.close()
    await flushFile(path)
    return { path, ...measured }
  } catch (error) {
    source.destroy()
    await file.close().catch(() => {})
    await rm(path, { force: true })
    throw error
  }
}

async function encryptInto(
  file: FileHandle,
  recipients: readonly string[],
  source: Readable,
  path: string,
  options: CryptoOptions,
): Promise<Omit<EncryptedFile, 'path'>> {
  const plain = new ByteMeter(options.onProgress)
  const cipher = new ByteMeter()
  const args = recipients.flatMap((recipient) => ['-r', recipient])
  // The tool is started first: where it cannot be, the source is closed and nothing was read from it.
  const tool = startOrClose(source, () => startTool('age', args, { ...toolOptions(options), stdin: plain }))
  pipe(source, plain, () => {})
  const written = pipeline(tool.stdout, cipher, file.createWriteStream({ highWaterMark: 1024 * 1024 }))
  const [wrote, ended] = await Promise.allSettled([written, tool.done])
  // An error of the disk has a code and ends the tool; any other error began with the tool or its source.
  if (wrote.status === 'rejected' && isSystemError(wrote.reason)) throw writeFailed(wrote.reason, path)
  if (ended.status === 'rejected') throw ended.reason
  if (wrote.status === 'rejected') throw wrote.reason
  return {
    sizeBytes: cipher.sizeBytes,
    sha256: cipher.sha256(),
    plainSizeBytes: plain.sizeBytes,
    plainSha256: plain.sha256(),
  }
}

function decrypt(identityFile: string, source: Readable, options: CryptoOptions): { readonly plain: Readable; readonly done: Promise<void> } {
  const tool = startOrClose(source, () =>
    startTool('age', ['-d', '-i', identityFile], {
      ...toolOptions(options),
      stdin: source,
      explainFailure: (exit) => explainDecryption(exit, identityFile),
    }),
  )
  const done = tool.done.then(() => {})
  // `plain` fails as well; a caller that awaits `done` later must not be ended by an unhandled rejection.
  done.catch(() => {})
  if (!options.onProgress) return { plain: tool.stdout, done }
  const plain = new ByteMeter(options.onProgress)
  pipe(tool.stdout, plain, () => {})
  return { plain, done }
}

function toolOptions(options: CryptoOptions) {
  return {
    stdout: 'stream' as const,
    ...(options.signal && { signal: options.signal }),
    ...(options.label !== undefined && { label: options.label }),
  }
}

async function create(path: string, source: Readable): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600)
  } catch (cause) {
    source.destroy()
    throw writeFailed(cause as NodeJS.ErrnoException, path)
  }
}

function startOrClose<T>(source: Readable, start: () => T): T {
  try {
    return start()
  } catch (error) {
    source.destroy()
    throw error
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'errno' in error
}

function writeFailed(cause: NodeJS.ErrnoException, path: string): MusterError {
  const { code } = cause
  if (code === 'ENOSPC' || code === 'EDQUOT') return new MusterError('DiskFull', `no space left to write ${path}`, { cause })
  return new MusterError('PreconditionFailed', `cannot write ${path} (${code})`, {
    cause,
    hint: code === 'EEXIST' ? 'the file exists: remove it or name another' : 'make its directory writable for the agent',
  })
}
