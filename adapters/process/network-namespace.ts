/** Whether and how a process can be started without any network, not even loopback. */
import { spawnSync } from 'node:child_process'

let wrapper: readonly string[] | null | undefined

/**
 * Words to put before a program so that it runs in a network namespace of its own; null where this host does not
 * allow one. Sockets in the file system still work, and the process keeps its number and its place in the tree.
 */
export function withoutNetwork(unshare: string | undefined): readonly string[] | null {
  if (wrapper !== undefined) return wrapper
  const isRoot = process.geteuid?.() === 0
  const words = unshare === undefined ? [] : [unshare, ...(isRoot ? [] : ['--user', '--map-current-user']), '--net', '--']
  const [file, ...args] = words
  wrapper = file !== undefined && spawnSync(file, [...args, 'true'], { stdio: 'ignore' }).status === 0 ? words : null
  return wrapper
}
