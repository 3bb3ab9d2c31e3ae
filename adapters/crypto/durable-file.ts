import { open } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Flushes a file's content and its name to the disk; when this has returned a power cut loses neither. */
export async function flushFile(path: string): Promise<void> {
  await flush(path)
  await flush(dirname(path))
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
