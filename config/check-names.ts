/** Names that must exist, and lists that name nothing twice. */
import { nearestName } from './nearest-name.ts'
import type { Report, YamlPath } from './problems.ts'

/** Reports a name that is not known, with the nearest one; tells whether it is known. */
export function checkKnown(name: string, known: readonly string[], what: string, path: YamlPath, report: Report): boolean {
  if (known.includes(name)) return true
  const near = nearestName(name, known)
  report(path, `there is no ${what} "${name}"${near === null ? `; there are: ${known.join(', ')}` : `; did you mean "${near}"?`}`)
  return false
}

export function checkTwice(items: readonly string[], path: YamlPath, what: string, report: Report): void {
  items.forEach((item, index) => {
    if (items.indexOf(item) < index) report([...path, index], `${what} "${item}" is listed twice`)
  })
}
