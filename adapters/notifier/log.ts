/** Notices as JSON lines in a file: the channel that needs nobody else. */
import { appendFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Notice, Notifier } from './notifier.ts'

export function createLogNotifier(config: { readonly path: string }): Notifier {
  return {
    channel: 'log',
    async notify(notice: Notice) {
      await mkdir(dirname(config.path), { recursive: true, mode: 0o711 })
      await appendFile(config.path, `${JSON.stringify(notice)}\n`, { mode: 0o600, flush: true })
    },
  }
}
