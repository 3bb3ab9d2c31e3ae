/**
 * Two owners of one place would restore over each other, and a store inside what it
 * protects would be swapped away with it: every place has one owner, and none lies in another.
 */
import type { Config } from '../domain/config.ts'
import type { Report, YamlPath } from './problems.ts'

interface Claim {
  readonly host: string
  /** An absolute path, or what else only one may own. */
  readonly place: string
  readonly owner: string
  readonly path: YamlPath
}

export function checkOverlaps(config: Config, report: Report): void {
  const places = [...componentPaths(config), ...storePaths(config)]
  places.forEach((claim, index) => {
    const other = places.slice(0, index).find((earlier) => earlier.host === claim.host && overlap(earlier.place, claim.place))
    if (other) report(claim.path, explain(claim, other))
  })
  for (const claims of [instances(config), units(config), workDirectories(config)]) {
    claims.forEach((claim, index) => {
      const other = claims.slice(0, index).find((earlier) => earlier.host === claim.host && earlier.place === claim.place)
      if (other) report(claim.path, `${claim.owner} is the same on host ${claim.host} as ${other.owner}; one thing belongs to one system, once`)
    })
  }
}

function explain(claim: Claim, other: Claim): string {
  const relation = claim.place === other.place ? 'is also' : isInside(claim.place, other.place) ? 'lies inside' : 'holds'
  return `${claim.place} of ${claim.owner} ${relation} ${claim.place === other.place ? 'that' : other.place} of ${other.owner} on host ${claim.host}; places of Muster may not overlap`
}

function componentPaths(config: Config): Claim[] {
  return components(config).flatMap(({ system, name, component, path }): Claim[] => {
    const owner = `component ${system}/${name}`
    if (component.type === 'postgresql') {
      return [{ host: component.host, place: component.dataDirectory, owner, path: [...path, 'dataDirectory'] }]
    }
    return component.paths.map((place, index) => ({
      host: component.host,
      place,
      owner,
      path: [...path, 'paths', index],
    }))
  })
}

function storePaths(config: Config): Claim[] {
  return Object.entries(config.stores).flatMap(([name, store]) =>
    store.type !== 'directory'
      ? []
      : store.hosts.map((host) => ({
          host,
          place: store.path,
          owner: `store ${name}`,
          path: ['stores', name, 'path'],
        })),
  )
}

function instances(config: Config): Claim[] {
  return components(config).flatMap(({ system, name, component, path }) => {
    if (component.type !== 'postgresql') return []
    const { host, port } = component.connection
    return [
      {
        host: component.host,
        place: `${host} ${port}`,
        owner: `the server of component ${system}/${name}`,
        path: [...path, 'connection'],
      },
    ]
  })
}

/**
 * What stands beside a data directory or tree while it is restored: `.muster-<system>-<component>`. Names with hyphens can
 * make two of them one, such as `a-b`/`c` and `a`/`b-c`; that counts only where they stand in one directory.
 */
function workDirectories(config: Config): Claim[] {
  return components(config).flatMap(({ system, name, component, path }) => {
    const owner = `the work directory of component ${system}/${name}`
    const beside = (place: string, index: number) => `${place.slice(0, place.lastIndexOf('/'))}/.muster-${system}-${name}${index === 0 ? '' : `-${index}`}`
    if (component.type === 'postgresql') return [{ host: component.host, place: beside(component.dataDirectory, 0), owner, path: [...path, 'dataDirectory'] }]
    return component.paths.map((place, index) => ({ host: component.host, place: beside(place, index), owner, path: [...path, 'paths', index] }))
  })
}

function units(config: Config): Claim[] {
  return Object.entries(config.systems).flatMap(([system, { services }]) =>
    services.flatMap((service) => {
      const { control } = service
      const place = managedAs(control)
      return [
        {
          host: service.host,
          place,
          owner: `service ${system}/${service.name}`,
          path: ['systems', system, 'services', service.name],
        },
      ]
    }),
  )
}

function managedAs(control: Config['systems'][string]['services'][number]['control']): string {
  switch (control.type) {
    case 'systemd':
      return `unit ${control.unit.replace(/\.service$/, '')}`
    case 'compose':
      return `compose service ${control.service} of ${control.project ?? control.file}`
    case 'command':
      return `command ${JSON.stringify(control.start)}`
  }
}

/** At home and at the site of a failover: they are never in service at once, but share what is on one host. */
function components(config: Config) {
  return Object.entries(config.systems).flatMap(([system, { components: members, failover }]) => {
    const at = (found: typeof members, path: YamlPath) =>
      Object.entries(found).map(([name, component]) => ({ system, name, component, path: [...path, 'components', name] }))
    return [...at(members, ['systems', system]), ...(failover ? at(failover.components, ['systems', system, 'failover']) : [])]
  })
}

function overlap(a: string, b: string): boolean {
  return a === b || isInside(a, b) || isInside(b, a)
}

function isInside(inner: string, outer: string): boolean {
  return inner !== outer && inner.startsWith(outer === '/' ? '/' : `${outer}/`)
}
