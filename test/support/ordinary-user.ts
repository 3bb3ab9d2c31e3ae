/**
 * Tests mount small disks, which only root may. For an ordinary user the run starts itself again inside namespaces of
 * that user: there a small server mounts what tests ask for (mounts.ts), and the tests go on as the user they are,
 * with no right that the user does not have. Nothing of it is seen outside, and it is gone when the run ends.
 */
import { spawnSync } from 'node:child_process'

export const mountServerVariable = 'MUSTER_TEST_MOUNT_SERVER'

/** Does not come back where the run had to be started again: the other run's exit code is this one's. */
export function enterNamespacesUnlessRoot(): void {
  if (process.geteuid?.() === 0 || process.env[mountServerVariable] !== undefined) return
  const server = new URL('mount-server.ts', import.meta.url).pathname
  const again = JSON.stringify([...process.execArgv, ...process.argv.slice(1)])
  const line = ['--user', '--map-root-user', '--mount', process.execPath, '--import', 'tsx', server]
  const who = [String(process.getuid?.()), String(process.getgid?.())]
  const { status, signal } = spawnSync('unshare', [...line, ...who, again], { stdio: 'inherit' })
  if (status === null) process.stderr.write(`the tests ended by ${signal ?? 'not being started'}\n`)
  process.exit(status ?? 1)
}
