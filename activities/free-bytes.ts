/** Free bytes of the filesystem that holds a path, or the nearest parent of it that exists. */
import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

export async function freeBytesAt(path: string): Promise<number> {
  let place = path
  while (
    place !== dirname(place) &&
    !(await stat(place).then(
      () => true,
      () => false,
    ))
  )
    place = dirname(place)
  const { bavail, bsize } = await statfs(place)
  return bavail * bsize
}
