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
  for (const claims of [instances(config), units(config)]) {
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

function units(config: Config): Claim[] {
  return Object.entries(config.systems).flatMap(([system, { services }]) =>
    services.flatMap((service) => {
      const { control } = service
      const place = control.type === 'systemd' ? `unit ${control.unit.replace(/\.service$/, '')}` : `command ${JSON.stringify(control.start)}`
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

function components(config: Config) {
  return Object.entries(config.systems).flatMap(([system, { components: members }]) =>
    Object.entries(members).map(([name, component]) => ({
      system,
      name,
      component,
      path: ['systems', system, 'components', name],
    })),
  )
}

function overlap(a: string, b: string): boolean {
  return a === b || isInside(a, b) || isInside(b, a)
}

function isInside(inner: string, outer: string): boolean {
  return inner !== outer && inner.startsWith(outer === '/' ? '/' : `${outer}/`)
}
